"""What configuration files are called, and what they must not say; the words are for people."""

from __future__ import annotations

import pytest

from millracer.domain.configuration import (
    LONGEST_CONFIG_BYTES,
    NOT_FOR_A_FILE,
    NOT_FOR_A_WORKSPACE,
    USER_FILE,
    WORKSPACE_FILE,
    ValueOrigin,
    is_from_anywhere,
    starts_the_same_anywhere,
)

WHAT_RUNS = "it would decide what runs on the machine of each user of the repository"
SENDS = "it would start a program or send the result to an address"
WHERE = "it would decide where another user's work is done"


def test_the_files_are_called_as_the_pages_say() -> None:
    assert (USER_FILE, WORKSPACE_FILE) == ("config.toml", "millracer.toml")
    assert LONGEST_CONFIG_BYTES == 8 * 1024


def test_an_origin_goes_before_those_behind_it() -> None:
    known = ("option", "environment", "session", "workspace_file", "user_file", "setup", "default")

    assert tuple(ValueOrigin) == known


def test_the_reason_names_why_a_workspace_sets_neither_programs_nor_places() -> None:
    assert {
        **dict.fromkeys(("millrace_command", "pi_command", "environment"), WHAT_RUNS),
        **dict.fromkeys(("skill", "no_default_skills", "checks", "check_in"), WHAT_RUNS),
        **dict.fromkeys(("cwd", "workspace", "session_id"), WHERE),
        "notify": SENDS,
    } == NOT_FOR_A_WORKSPACE


def test_options_not_for_a_file_name_where_they_are_set() -> None:
    assert set(NOT_FOR_A_FILE) == {"workspace", "session_id", "environment"}
    for name in ("workspace", "session_id"):
        option = name.replace("_", "-")
        assert f"--{option}" in NOT_FOR_A_FILE[name]
        assert f"MILLRACER_{name.upper()}" in NOT_FOR_A_FILE[name]


@pytest.mark.parametrize(
    ("command", "is_the_same"),
    [
        *(("pi", True), ("pi --offline --cwd a/b", True), ("/opt/pi", True), ("~/bin/pi", True)),
        *((" '/opt/my pi' -x", True), ('"/opt/my pi"', True)),
        *(
            ("./pi", False),
            ("bin/pi", False),
            ("bin/pi x", False),
            ("X/pi", False),
            ("'bin/my pi'", False),
        ),
        *(("", False), (" ", False), ("''", False), ('" "', False)),
    ],
)
def test_a_program_is_named_for_every_directory_or_for_one(
    command: str, *, is_the_same: bool
) -> None:
    assert starts_the_same_anywhere(command) is is_the_same


@pytest.mark.parametrize(("path", "is_one"), [("/a", True), ("~/a", True), ("a", False)])
def test_a_path_from_the_root_or_from_home_is_one_from_anywhere(path: str, *, is_one: bool) -> None:
    assert is_from_anywhere(path) is is_one
