"""Millrace's output formats."""
