"""Colour a unified diff."""

from __future__ import annotations

from millracer.cli.terminal.style import Role, paint

_ROLES = {"+": Role.GOOD, "-": Role.BAD, "@": Role.COMMAND}
_HEADS = ("+++ ", "--- ", "diff ", "index ")


def painted_patch(patch: str) -> str:
    """Return a patch with colours for added and removed lines and for their places."""
    return "\n".join(map(_painted, patch.split("\n")))


def _painted(line: str) -> str:
    role = Role.STRONG if line.startswith(_HEADS) else _ROLES.get(line[:1])
    return line if role is None else paint(line, role)
