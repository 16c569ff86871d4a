"""Deaths at every boundary of a run on the real tools: `make crash-matrix`."""
