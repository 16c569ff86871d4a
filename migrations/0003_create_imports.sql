-- Which file of another program was taken over, and when, so that it is taken over once.
-- Never edited once released.

CREATE TABLE imports (
    source_path TEXT NOT NULL PRIMARY KEY,
    imported_at TEXT NOT NULL
);
