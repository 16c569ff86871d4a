"""The checks of `millracer doctor`."""
