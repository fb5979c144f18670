"""How the layers of our own networks run: a port of its own, below that of click models."""
