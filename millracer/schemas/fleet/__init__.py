"""The JSON documents about the fleet."""
