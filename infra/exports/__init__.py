"""Masks of a run in the formats of other programs: a format is one file, and one line in `formats.py`."""
