"""Simulated users: who sees the truth and the current mask, and clicks where the two differ."""
