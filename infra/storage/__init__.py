"""Files behind URLs, on disks and in buckets: whole or not there, created once, and errors that say what to do."""
