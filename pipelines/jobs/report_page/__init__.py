"""One HTML page of the figures of runs."""
