"""Completion certificates: their content, and the rules by which one is verified."""
