"""How the `millrace` command is called."""
