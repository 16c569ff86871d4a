"""Gather completion evidence from Millrace."""
