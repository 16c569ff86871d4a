"""What a run does, in terms of ports; starts no process, opens no file."""
