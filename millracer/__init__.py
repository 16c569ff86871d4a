"""Millracer: one task in, one truthful result out, with Millrace doing the work."""

__version__ = "0.4.0.dev0"
