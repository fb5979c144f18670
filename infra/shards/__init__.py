"""Data sets: samples in tar and Parquet shards, and the manifest that says which belong to one."""
