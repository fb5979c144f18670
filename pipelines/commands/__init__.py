"""The commands of `mfp`: they read options, call the job, and print what came out."""
