"""The names that a shell may complete."""

from collections.abc import Mapping

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
    "model_names",
    "registered_workspace",
    "selected_workspace",
    "session_names",
    "workspace_names",
]


def model_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the models that pi had credentials for when it last listed them."""
    from millracer.pi.model_cache import remembered_names  # noqa: PLC0415 - only models need it

    return remembered_names(environment)
