"""The table of commands: it lists every command, and the document each command line must print."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import pytest
from typer.core import TyperCommand
from typer.main import get_command

from millracer.cli import documents
from millracer.cli.app import app
from millracer.cli.command_table import COMMANDS, Entry, named_in
from millracer.cli.documents import Document, document_of, stream_of
from millracer.domain.operations import OperationName, load
from millracer.errors import UsageError
from millracer.schemas.base import Published

_WIDE = 200


def entries(
    commands: Mapping[str, Entry] = COMMANDS, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Entry]]:
    for name, entry in commands.items():
        if entry.commands:
            yield from entries(entry.commands, (*above, name))
        else:
            yield (*above, name), entry


_ENTRIES = [pytest.param(words, entry, id=" ".join(words)) for words, entry in entries()]


@pytest.mark.parametrize(("words", "entry"), _ENTRIES)
def test_a_list_shows_each_command_as_its_own_help_begins(
    words: tuple[str, ...], entry: Entry
) -> None:
    found = get_command(app)
    for word in words:
        found = found.commands[word]
    listed = TyperCommand(words[-1], help=entry.help, rich_markup_mode=None)

    assert listed.get_short_help_str(_WIDE) == found.get_short_help_str(_WIDE)


def test_listing_and_completing_commands_loads_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("millracer.cli.commands.")]:
        monkeypatch.delitem(sys.modules, name)
    group = get_command(app)
    context = group.context_class(group, info_name="millracer")

    assert "operator" in group.get_help(context)
    assert [each.value for each in group.shell_complete(context, "st")] == [
        "status",
        "start",
        "stop",
    ]
    assert not [each for each in sys.modules if each.startswith("millracer.cli.commands.")]


@pytest.mark.parametrize(
    ("line", "command", "document"),
    [
        ("status --json --no-such", "status", document_of(OperationName.STATUS)),
        ("status", "status", None),
        ("submit --output=json", "submit", document_of(OperationName.SUBMIT)),
        ("submit --json", "submit", document_of(OperationName.SUBMIT)),
        ("run --output text --output json", "run", document_of(OperationName.RUN)),
        ("run --json task", "run", document_of(OperationName.RUN)),
        ("run -o json", "run", document_of(OperationName.RUN)),
        ("run -ojson --json-like", "run", document_of(OperationName.RUN)),
        ("status -o json", "status", document_of(OperationName.STATUS)),
        ("watch --all --json", "watch", documents.WATCH_ALL),
        ("watch --all --stream-json --json", "watch", documents.WATCH_ALL_STREAM),
        ("watch x --stream-json", "watch", stream_of(OperationName.WATCH)),
        ("list --json", "list", document_of(OperationName.LIST)),
        ("run -- --output json", "run", None),
        ("watch --output json x", "watch", document_of(OperationName.WATCH)),
        ("demo --json", "demo", document_of(OperationName.RUN)),
        ("demo --keep", "demo", None),
        ("ops --json --jsonl", "ops", documents.OPS_LINE),
        ("ops --stream-json", "ops", documents.OPS),
        ("sessions show --json", "sessions", documents.OPS_REPLY),
        ("--debug config show --json", "config", documents.CONFIG),
        ("pause --json", "pause", document_of(OperationName.PAUSE)),
        ("doctor --json --no-such", "doctor", documents.DOCTOR),
        ("no-such --output json", "no-such", document_of(OperationName.RUN)),
        ("no-such --json", "no-such", document_of(OperationName.RUN)),
        ("", None, None),
    ],
)
def test_a_command_line_that_does_not_parse_still_names_its_document(
    line: str, command: str | None, document: Document | None
) -> None:
    assert named_in(line.split()) == (command, document)


def test_the_environment_requests_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACER_OUTPUT", "json")

    assert named_in(["run", "task"]) == ("run", document_of(OperationName.RUN))
    assert named_in(["run", "--output", "text"]) == ("run", None)


@pytest.mark.parametrize("value", ["1", "true", "Yes", "on"])
def test_the_environment_requests_a_stream(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACER_STREAM_JSON", value)

    stream = stream_of(OperationName.RUN)
    assert named_in(["run", "--no-such-option"]) == ("run", stream)
    assert named_in(["watch", "--all"]) == ("watch", documents.WATCH_ALL_STREAM)
    assert named_in(["run", "--json"]) == ("run", document_of(OperationName.RUN))
    assert named_in(["run", "--output", "text"]) == ("run", None)
    assert named_in(["run", "--output=text", "--stream-json"]) == ("run", stream)
    assert named_in(["status"]) == ("status", None)
    monkeypatch.setenv("MILLRACER_STREAM_JSON", "0")
    assert named_in(["run", "--no-such-option"]) == ("run", None)


@pytest.mark.parametrize(
    "document",
    {each.failure: each for _, entry in entries() for each in entry.documents}.values(),
    ids=lambda each: each.failure,
)
def test_each_document_reports_a_failure(document: Document) -> None:
    error = UsageError("wrong", suggested_action="do it right")
    described = load(document.failure)(error, "pause")

    assert isinstance(described, Published)
    assert [each.code for each in described.errors] == ["usage"]
    assert '"usage"' in document.load()(error, "pause")
