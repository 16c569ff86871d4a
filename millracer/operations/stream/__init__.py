"""Event streams: the events of an item's log as frames, and the result as the last one."""
