"""`millracer ops`."""
