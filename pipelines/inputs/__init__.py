"""What jobs read, found and checked before anything is started."""
