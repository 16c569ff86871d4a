"""The JSON of runs: requests, options and results."""
