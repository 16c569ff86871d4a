"""The Millrace backend: Millrace 0.18 to 0.21, driven through its command and files."""
