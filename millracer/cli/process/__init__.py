"""The process of a command: signals and process 1."""
