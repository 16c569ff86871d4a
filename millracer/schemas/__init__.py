"""The JSON documents Millracer reads and prints, as pydantic models."""
