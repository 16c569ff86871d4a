"""The interactive session, without a terminal."""
