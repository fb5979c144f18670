"""Single pieces of work, each beside what other libraries offer for it: `mfp bench pieces`."""
