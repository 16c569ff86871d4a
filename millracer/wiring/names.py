"""The names that a shell may complete."""

from millracer.millrace.files.candidates import (
    item_names,
    mode_names,
    selected_workspace,
    session_names,
    workspace_names,
)
from millracer.pi.model_cache import remembered_names as model_names

__all__ = [
    "item_names",
    "mode_names",
    "model_names",
    "selected_workspace",
    "session_names",
    "workspace_names",
]
