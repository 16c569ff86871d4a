"""Sessions: stored selections, and the workspace of a request."""
