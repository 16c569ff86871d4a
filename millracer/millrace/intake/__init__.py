"""Intake documents as Millrace reads them."""
