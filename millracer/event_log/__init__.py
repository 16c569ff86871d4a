"""The event logs of work items: one file each, one writer at a time, any number of readers."""
