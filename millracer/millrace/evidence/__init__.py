"""Gathering completion evidence from Millrace."""
