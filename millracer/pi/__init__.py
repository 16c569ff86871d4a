"""The coding agent pi: processes, protocol and turns."""
