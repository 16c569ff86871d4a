"""The documents of `millracer serve` itself; operations answer with their own documents."""
