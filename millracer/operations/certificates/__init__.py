"""Make and verify completion certificates."""
