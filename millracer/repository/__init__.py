"""Measure the changes of a workspace with git, without changing its repository."""
