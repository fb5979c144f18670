"""What a person runs: the CLI and one file per job."""
