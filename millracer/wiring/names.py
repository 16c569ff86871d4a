"""The names that a shell may complete."""

from millracer.millrace.files.candidates import (
    item_names,
    mode_names,
    registered_workspace,
    selected_workspace,
    session_names,
    workspace_names,
)

__all__ = [
    "item_names",
    "mode_names",
    "registered_workspace",
    "selected_workspace",
    "session_names",
    "workspace_names",
]
