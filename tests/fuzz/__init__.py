"""Fuzzing of the three parsers: what they promise for any bytes, and ways to look for a breach."""
