"""What runs on the cluster: Ray actors that join the method and the data."""
