"""Call `millrace` commands."""
