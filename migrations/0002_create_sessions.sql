-- What a caller chose and what it last asked, by session. Never edited once released.
-- last_warning_codes is a JSON array of text; the path is kept beside the workspace's id so that a
-- selection outlives the registry's entry. The greatest position is a session's newest request.

CREATE TABLE sessions (
    session_id TEXT NOT NULL PRIMARY KEY,
    client_name TEXT NOT NULL,
    selected_workspace_id TEXT,
    selected_root_path TEXT,
    selected_mode TEXT,
    last_warning_codes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE session_requests (
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    PRIMARY KEY (session_id, position),
    UNIQUE (session_id, request_id)
);
