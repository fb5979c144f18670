"""Run directories: what a run was asked, the rows it has committed, and who may commit."""
