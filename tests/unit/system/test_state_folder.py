"""The path of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.system.user_folders import state_folder


@pytest.mark.parametrize("environment", [{}, {"MILLRACER_STATE_DIR": ""}])
def test_without_the_variable_the_platforms_user_data_folder_is_taken(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")

    assert state_folder(environment) == Path("/somewhere/data/millracer")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("/srv/state", "/srv/state"),
        ("~/state", "/home/me/state"),
        ("state", f"{Path.cwd()}/state"),
    ],
)
def test_the_variable_overrides_it(
    monkeypatch: pytest.MonkeyPatch, named: str, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert state_folder({"MILLRACER_STATE_DIR": named}) == Path(expected)
