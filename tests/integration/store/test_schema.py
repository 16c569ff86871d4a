"""The store holds convenience state only; a new column needs a change of this table by hand."""

import sqlite3
from pathlib import Path

from millracer.system.user_folders import STORE_NAME
from tests.integration.store.conftest import OpenStore

_SCHEMA = {
    "workspaces": [
        "workspace_id",
        "root_path",
        "display_name",
        "default_mode",
        "tags",
        "is_default",
        "created_at",
        "updated_at",
    ],
    "sessions": [
        "session_id",
        "client_name",
        "selected_workspace_id",
        "selected_root_path",
        "selected_mode",
        "last_warning_codes",
        "created_at",
        "updated_at",
        "recent_request_ids",
    ],
    "imports": ["source_path", "imported_at"],
}


def test_the_schema_holds_nothing_of_queues_runs_outcomes_or_evidence(
    folder: Path, open_store: OpenStore
) -> None:
    open_store().list_sessions()
    connection = sqlite3.connect(folder / STORE_NAME)
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    others = connection.execute(
        "SELECT type, name FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL"
    ).fetchall()
    schema = {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for table in tables
    }
    connection.close()

    assert schema == _SCHEMA
    assert others == [("index", "one_default_workspace")]
