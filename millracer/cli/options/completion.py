"""Shell completion of ids and names.

Typer's completion calls these functions. They read quickly, start no process and print no error: a
failure yields no completions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from millracer.domain.programs import variable_of

#: Most completions returned.
_MOST = 100


def items(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of an item that Millrace works on, will work on or has blocked."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import item_names  # noqa: PLC0415 - only completion needs it

        return item_names(_workspace(context))

    return _complete(incomplete, found)


def modes(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a Millrace mode."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import mode_names  # noqa: PLC0415 - see above

        return mode_names(_workspace(context))

    return _complete(incomplete, found)


def models(incomplete: str) -> list[str]:
    """Complete a model that pi had credentials for when it last listed its models."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import model_names  # noqa: PLC0415 - see above

        return model_names(os.environ)

    return _complete(incomplete, found)


def model_words(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the arguments of `millracer models`: `set`, then models, with or without alias."""
    if not context.params.get("words"):
        return _complete(incomplete, lambda: ("set",))
    alias, equals, name = incomplete.rpartition("=")
    return [f"{alias}{equals}{model}" for model in models(name)]


def sessions(incomplete: str) -> list[str]:
    """Complete the id of a session."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import session_names  # noqa: PLC0415 - see above

        return session_names(os.environ)

    return _complete(incomplete, found)


def workspaces(incomplete: str) -> list[str]:
    """Complete the id of a registered workspace."""

    def found() -> Iterable[str]:
        from millracer.wiring.names import workspace_names  # noqa: PLC0415 - see above

        return workspace_names(os.environ)

    return _complete(incomplete, found)


def _complete(incomplete: str, find: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return [name for name in find() if name.startswith(incomplete)][:_MOST]
    except Exception:  # noqa: BLE001 - an error must not disturb the shell's prompt
        return []


def _workspace(context: typer.Context) -> Path:
    """Return the command's workspace, from options, variables and the session."""
    named = _given_value(context, "workspace")
    if named:
        from millracer.wiring.names import registered_workspace  # noqa: PLC0415 - see above

        path = Path(named).expanduser()
        registered = None if path.is_dir() else registered_workspace(named, os.environ)
        return path if registered is None else Path(registered)
    session_id = _given_value(context, "session_id")
    if session_id:
        from millracer.wiring.names import selected_workspace  # noqa: PLC0415 - see above

        selected = selected_workspace(session_id, os.environ)
        if selected is not None:
            return Path(selected)
    return Path()


def _given_value(context: typer.Context, name: str) -> str:
    value = context.params.get(name) or os.environ.get(variable_of(f"--{name.replace('_', '-')}"))
    return str(value or "")
