"""`millracer run`."""
