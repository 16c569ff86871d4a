"""The JSON about work items."""
