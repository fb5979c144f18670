"""`make bench-gpu`: what a GPU makes of the engine, in tables."""
