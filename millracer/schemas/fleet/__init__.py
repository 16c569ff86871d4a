"""The JSON documents of `millracer fleet`."""
