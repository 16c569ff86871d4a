"""The files of work items: where they are, their state, their parents."""
