"""Tests of the MCP server's parts that need no server."""
