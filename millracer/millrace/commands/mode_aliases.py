"""Millrace's mode aliases, as `modes list` of each version prints them.

They are needed because a running daemon's status names the resolved mode, and the command that
resolves a mode (`compile validate`) rewrites the compiled plan that the daemon uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIRST_WITH_LAD_MODES = (0, 21)

_UP_TO_0_20: Mapping[str, str] = {"standard_plain": "default_codex"}

_FROM_0_21: Mapping[str, str] = {
    "blueprint_codex": "blueprint_lad_codex",
    "blueprint_learning_codex": "blueprint_learning_lad_codex",
    "default_codex": "lad_codex",
    "default_codex_integrated": "lad_codex_integrated",
    "default_pi": "lad_pi",
    "efficient_learning_mixed": "efficient_learning_lad_mixed",
    "learning_codex": "learning_lad_codex",
    "learning_codex_integrated": "learning_lad_codex_integrated",
    "learning_enabled_millrace": "learning_lad_pi",
    "learning_pi": "learning_lad_pi",
    "minimal_three_plane_fixture": "minimal_three_plane",
    "standard_millrace": "lad_pi",
    "standard_plain": "lad_codex",
}


def resolve_alias(mode: str, version: str | None) -> str:
    """Return the mode that a name means in this version of Millrace; unknown names unchanged."""
    found = re.match(r"(\d+)\.(\d+)", version or "")
    if found is None:
        return mode
    is_lad = (int(found[1]), int(found[2])) >= _FIRST_WITH_LAD_MODES
    return (_FROM_0_21 if is_lad else _UP_TO_0_20).get(mode, mode)
