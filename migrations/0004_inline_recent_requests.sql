-- A session's last requests stand in its own row: a JSON array of text, the newest last.
-- Never edited once released. `json_text` is a function of Millracer's: a request id may be a text
-- that UTF-8 cannot hold, which was kept as a blob.

ALTER TABLE sessions ADD COLUMN recent_request_ids TEXT NOT NULL DEFAULT '[]';

UPDATE sessions SET recent_request_ids = (
    SELECT '[' || coalesce(group_concat(json_text(request_id), ','), '') || ']'
    FROM (
        SELECT request_id FROM session_requests
        WHERE session_requests.session_id = sessions.session_id ORDER BY position
    )
);

DROP TABLE session_requests;
