"""The session store: SQLite, convenience state only."""
