"""The options of the commands: declarations, groups, completion."""
