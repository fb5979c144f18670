"""What jobs found, as a person reads it: in a terminal, or as plain text anywhere else."""
