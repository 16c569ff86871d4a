"""The soak: hundreds of tasks in one workspace, and whether what they use stays flat."""
