"""`millracer mcp`: a server for other agents."""
