"""What jobs are told: one frozen dataclass for each, whose fields say everything there is to say of a setting."""
