"""One run: the orchestrator and its steps, from the decision to the result."""
