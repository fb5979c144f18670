"""Click logs: what people clicked in this and other programs, read into one form."""
