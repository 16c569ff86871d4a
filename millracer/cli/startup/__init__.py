"""What a command starts or loads ahead of its work."""
