"""The operations on the queue of a fleet."""
