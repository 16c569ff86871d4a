"""Benchmarks: Millracer and the reference in turn on the real tools; `make bench`, never pytest."""
