"""The operator's terminal and pipe front ends."""
