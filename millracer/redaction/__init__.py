"""Redaction: what is a secret in this process, and how it is removed from text."""
