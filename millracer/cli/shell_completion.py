"""What a shell may complete besides commands and options: ids and names that are there.

Typer's own completion calls these. They read at a glance, start nothing and show no error: what
cannot be found out has no completions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from millracer.domain.programs import variable_of

#: More than anybody reads.
_MOST = 100


def items(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of an item that Millrace works on, will work on or has blocked."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import item_names  # noqa: PLC0415 - only a completion pays

        return item_names(_workspace(context))

    return _beginning(incomplete, found)


def modes(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a Millrace mode."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import mode_names  # noqa: PLC0415 - see above

        return mode_names(_workspace(context))

    return _beginning(incomplete, found)


def sessions(incomplete: str) -> list[str]:
    """Complete the id of a session."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import session_names  # noqa: PLC0415 - see above

        return session_names(os.environ)

    return _beginning(incomplete, found)


def workspaces(incomplete: str) -> list[str]:
    """Complete the id of a registered workspace."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import workspace_names  # noqa: PLC0415 - see above

        return workspace_names(os.environ)

    return _beginning(incomplete, found)


def _beginning(incomplete: str, find: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return [name for name in find() if name.startswith(incomplete)][:_MOST]
    except Exception:  # noqa: BLE001 - whatever it is, a shell's prompt is no place for it
        return []


def _workspace(context: typer.Context) -> Path:
    """Return the workspace that the command would work in, as far as is plain to see."""
    named = _said(context, "workspace")
    if named:
        return Path(named).expanduser()
    session_id = _said(context, "session_id")
    if session_id:
        from millracer.wiring.names import selected_workspace  # noqa: PLC0415 - see above

        selected = selected_workspace(session_id, os.environ)
        if selected is not None:
            return Path(selected)
    return Path()


def _said(context: typer.Context, name: str) -> str:
    value = context.params.get(name) or os.environ.get(variable_of(f"--{name.replace('_', '-')}"))
    return str(value or "")
