"""Records what real tools say, for fixtures/."""
