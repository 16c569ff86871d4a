"""One run: its lifecycle, evidence, verdict and result."""
