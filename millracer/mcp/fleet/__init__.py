"""The tools on a fleet: their table and arguments, what performs them, and their reports."""
