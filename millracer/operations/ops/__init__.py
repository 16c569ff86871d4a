"""The requests of `millracer ops`."""
