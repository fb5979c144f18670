"""Reviewing a run: people look at its masks in a browser, decide on them, and correct them by clicking."""
