"""Guesses about a command before it is read; where it is not plain, nothing is started."""

import json

import pytest

from millracer.cli.startup.prewarm import LONGEST_FORESEEN_BYTES, Foresight, asks_millrace


@pytest.mark.parametrize(
    ("line", "is_certain", "depends_on_request"),
    [
        ("run task", True, False),
        ("operator", True, False),
        ("run --route millrace task", True, False),
        ("run task -- --no-warm-millrace --route=direct", True, False),
        ("ops --json", False, True),
        ("ops --json --workspace x", False, True),
        ("ops", False, False),
        ("ops --jsonl", False, False),
        ("ops --json --stream-json", False, False),
        ("ops --json --help", False, False),
        ("ops --json --no-warm-millrace", False, False),
        ("run --no-warm-millrace task", False, False),
        ("run --route direct task", False, False),
        ("run task --route=direct", False, False),
        ("run --help", False, False),
        ("--help", False, False),
        ("sessions list", False, False),
        ("demo", False, False),
        ("", False, False),
    ],
)
def test_a_command_line_says_whether_millrace_is_asked(
    line: str, *, is_certain: bool, depends_on_request: bool
) -> None:
    foresight = Foresight(line.split(), {})

    assert foresight.is_certain is is_certain
    assert foresight.depends_on_request is depends_on_request


@pytest.mark.parametrize("name", ["MILLRACER_NO_WARM_MILLRACE", "MILLRACER_ROUTE"])
def test_the_environment_says_it_too(name: str) -> None:
    said = {name: "direct"}

    assert not Foresight(["run", "task"], said).is_certain
    assert not Foresight(["ops", "--json"], said).depends_on_request
    assert Foresight(["run", "task"], {name: ""}).is_certain


@pytest.mark.parametrize(
    ("line", "environment", "program"),
    [
        ("run", {}, None),
        ("run", {"MILLRACER_MILLRACE_COMMAND": "other"}, "other"),
        ("run --millrace-command its", {"MILLRACER_MILLRACE_COMMAND": "other"}, "its"),
        ("run --millrace-command=its", {}, "its"),
        ("run --millrace-command first --millrace-command last", {}, "last"),
        ("run -- --millrace-command task", {}, None),
        ("run --millrace-command", {}, None),
        ("run --pi-command its", {}, None),
    ],
)
def test_the_program_is_the_one_that_is_named(
    line: str, environment: dict[str, str], program: str | None
) -> None:
    assert Foresight(line.split(), environment).programs["millrace_command"] == program


def test_the_pi_program_is_seen_too() -> None:
    foresight = Foresight(["run", "--pi-command", "its"], {})

    assert foresight.programs == {"millrace_command": None, "pi_command": "its"}


@pytest.mark.parametrize(
    ("request_", "asks"),
    [
        ({"action": "status"}, True),
        ({"action": "status", "options": None}, True),
        ({"action": "enqueue"}, True),
        ({"action": "enqueue", "route_preference": "millrace"}, True),
        ({"action": "enqueue", "route_preference": "direct"}, False),
        ({"action": "enqueue", "options": {"route": "direct"}}, False),
        ({"action": "status", "options": {"no_warm_millrace": True}}, False),
        ({"action": "status", "options": {"no-warm-millrace": True}}, False),
        ({"action": "status", "options": "odd"}, False),
        ({"action": "list_sessions"}, False),
        ({"action": ["status"]}, False),
        ({}, False),
        (["status"], False),
        ("status", False),
    ],
)
def test_a_request_says_whether_millrace_is_asked(request_: object, *, asks: bool) -> None:
    assert asks_millrace(json.dumps(request_).encode()) is asks


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"action":"status"}' + b" " * LONGEST_FORESEEN_BYTES],
    ids=["empty", "half", "no UTF-8", "deep", "large"],
)
def test_nothing_is_foreseen_for_an_unusual_request(raw: bytes) -> None:
    assert not asks_millrace(raw)


def test_an_invalid_file_is_reported_later() -> None:
    assert Foresight(["run"], {}, {"route": []}).is_certain


def test_the_users_file_says_whether_millrace_is_asked() -> None:
    direct = {"route": "direct"}

    assert not Foresight(["run"], {}, direct).is_certain
    assert not Foresight(["ops", "--json"], {}, direct).depends_on_request
    assert Foresight(["run", "--route", "auto"], {}, direct).is_certain
    assert not Foresight(["run"], {}, {"no_warm_millrace": True}).is_certain
    assert Foresight(["run"], {}, {"no_warm_millrace": False}).is_certain
