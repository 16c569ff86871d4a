"""The JSON of `millracer ops`: requests and results."""
