"""Training on a cluster: the loop of a worker, what feeds it, and what it leaves in its run directory."""
