"""One file per job: what each command does, without the command line."""
