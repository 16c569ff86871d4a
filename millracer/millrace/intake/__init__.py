"""Write and read intake documents by Millrace's rules."""
