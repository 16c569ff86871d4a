"""`millracer demo`."""
