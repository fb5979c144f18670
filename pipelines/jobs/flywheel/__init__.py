"""`mfp flywheel`: its rounds, its directory, and the training beside it."""
