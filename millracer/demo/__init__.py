"""A throw-away workspace and a scripted model: the whole product without credentials."""
