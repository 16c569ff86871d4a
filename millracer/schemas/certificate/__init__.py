"""The documents of certificates: the signed statement, and what the commands print."""
