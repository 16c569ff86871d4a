"""Notifications at the end of an attempt: a command, or a signed POST request."""
