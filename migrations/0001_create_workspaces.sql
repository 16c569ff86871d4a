-- Workspaces that callers may name by an id. Never edited once released: a change is a new file.
-- tags is a JSON array of text; at most one workspace is the default.

PRAGMA application_id = 1298952803;

CREATE TABLE workspaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    root_path TEXT NOT NULL,
    display_name TEXT,
    default_mode TEXT,
    tags TEXT NOT NULL,
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE UNIQUE INDEX one_default_workspace ON workspaces (is_default) WHERE is_default = 1;
