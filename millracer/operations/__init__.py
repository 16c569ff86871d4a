"""What a caller can ask Millracer to do, independent of the transport."""
