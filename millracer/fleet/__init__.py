"""The fleet's database: the stores on PostgreSQL, and how the database is set up."""
