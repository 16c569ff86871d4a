"""`millracer serve`: a page in the browser and an HTTP API."""
