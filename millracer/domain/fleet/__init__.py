"""The fleet: one queue for the workspaces of many hosts."""
