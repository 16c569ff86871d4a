"""A process that imports Millrace once and forks for each command."""
