"""The event log of one run: its writer, its follower, and a watch that only observes."""
