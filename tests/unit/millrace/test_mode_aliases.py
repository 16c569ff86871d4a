"""Millrace's names of modes, version by version."""

from __future__ import annotations

import pytest

from millracer.millrace.commands.mode_aliases import resolve_alias


@pytest.mark.parametrize(
    ("mode", "resolved"),
    [
        ("default_pi", "lad_pi"),
        ("default_codex", "lad_codex"),
        ("learning_pi", "learning_lad_pi"),
        ("learning_codex", "learning_lad_codex"),
        ("standard_plain", "lad_codex"),
        ("lad_pi", "lad_pi"),
        ("my_own_loop", "my_own_loop"),
    ],
)
def test_0_21_resolves_the_names_of_earlier_versions(mode: str, resolved: str) -> None:
    assert resolve_alias(mode, "0.21.1") == resolved


@pytest.mark.parametrize("version", ["0.18.6", "0.19.0", "0.20.3"])
def test_up_to_0_20_those_names_are_the_modes_themselves(version: str) -> None:
    assert resolve_alias("default_pi", version) == "default_pi"
    assert resolve_alias("learning_codex", version) == "learning_codex"
    assert resolve_alias("standard_plain", version) == "default_codex"


def test_versions_are_compared_as_numbers() -> None:
    assert resolve_alias("default_pi", "0.3.0") == "default_pi"
    assert resolve_alias("default_pi", "1.0.0") == "lad_pi"


def test_without_a_known_version_nothing_is_resolved() -> None:
    assert resolve_alias("default_pi", None) == "default_pi"
