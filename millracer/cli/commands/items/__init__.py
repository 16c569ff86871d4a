"""`millracer list`, `show`, `logs` and `trace`."""
