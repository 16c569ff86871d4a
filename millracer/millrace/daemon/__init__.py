"""Millrace's daemon: locks, ownership, start, stop and watch."""
