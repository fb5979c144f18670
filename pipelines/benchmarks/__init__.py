"""What the parts of this system cost beside what they could: `mfp bench`."""
