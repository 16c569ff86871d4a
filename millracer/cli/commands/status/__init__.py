"""`millracer status`."""
