"""The JSON documents that commands print, and how each reports a failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.domain.programs import variable_of

if TYPE_CHECKING:
    from millracer.errors import MillracerError
    from millracer.schemas.base import Published

_OUTPUT = "--output"
_SHORT_OUTPUT = "-o"
_JSON = "--json"
STREAM_FLAG = "--stream-json"
#: The values of a variable that set a flag.
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON document that a command prints for every input, failures included.

    Attributes:
        failure: "module:function", which returns the document of an error; called with the error
            and the command's name.
        flags: options that request the document.
        output: the default of `--output`; None for a command without that option.
        lines: whether it is printed on one line.
        only_with: an option without which the command prints another document; None without one.
        frames: whether it is the last frame of an event stream.
        operation: the operation whose failure it reports; empty: that of the command's first word.
    """

    failure: str
    flags: tuple[str, ...] = ()
    output: OutputFormat | None = None
    lines: bool = False
    only_with: str | None = None
    frames: bool = False
    operation: str = ""

    def is_requested_by(self, words: Sequence[str]) -> bool:
        """Whether a command line, valid or not, requests the document."""
        if self.only_with is not None and self.only_with not in words:
            return False
        if not set(self.flags).isdisjoint(words):
            return True
        if self.frames:
            return _environment_streams() and not _names_format(words)
        if self.output is None:
            return False
        return (_last_format(words) or self.output) == OutputFormat.JSON

    def load(self) -> Callable[[MillracerError, str | None], str]:
        """Return the function that renders a failure; its modules are imported now."""
        from millracer.schemas.base import render, render_line  # noqa: PLC0415 - models are heavy

        describe = cast("Callable[..., Published]", load(self.failure))
        if self.frames:
            from millracer.operations.stream.failure import render_failure  # noqa: PLC0415 - as above
            from millracer.wiring import SystemClock  # noqa: PLC0415 - as above

            return lambda error, command: render_failure(describe(error, command), SystemClock())
        render_document = render_line if self.lines else render
        named = self.operation
        return lambda error, command: render_document(describe(error, named or command))


def _environment_streams() -> bool:
    return os.environ.get(variable_of(STREAM_FLAG), "").strip().lower() in _TRUE


def _names_format(words: Sequence[str]) -> bool:
    """Whether a command line gives the format of the document, as a flag or with a value."""
    return any(word == _JSON or word.startswith((_OUTPUT, _SHORT_OUTPUT)) for word in words)


def _last_format(words: Sequence[str]) -> str | None:
    value = os.environ.get(variable_of(_OUTPUT)) or None
    for at, word in enumerate(words):
        if word in {_OUTPUT, _SHORT_OUTPUT} and at + 1 < len(words):
            value = words[at + 1]
        elif word.startswith(f"{_OUTPUT}="):
            value = word.partition("=")[2]
        elif word.startswith(_SHORT_OUTPUT):
            value = word.removeprefix(_SHORT_OUTPUT)
    return value


_OPS = "millracer.operations.ops.reply:describe_failure"


def _document(failure: str) -> Document:
    """Return the document of a command with `--json` and `--output`."""
    return Document(failure=failure, flags=(_JSON,), output=OutputFormat.TEXT)


OPS_LINE = Document(failure=_OPS, flags=("--jsonl",), lines=True)
OPS = Document(failure=_OPS, flags=(_JSON, STREAM_FLAG))
OPS_REPLY = _document(_OPS)
CONFIG = _document("millracer.schemas.config:describe_failure")
DOCTOR = _document("millracer.schemas.doctor:describe_failure")
SERVE = _document("millracer.schemas.serve.result:describe_failure")
FLEET_SETUP = _document("millracer.schemas.fleet.setup:describe_failure")
FLEET_DOCTOR = _document("millracer.schemas.fleet.setup:describe_doctor_failure")
WATCH_ALL = replace(_document(OPERATIONS[OperationName.WATCH_ALL].failure), only_with="--all")


WATCH_ALL_STREAM = replace(WATCH_ALL, flags=(STREAM_FLAG,), output=None, frames=True)


def stream_of(name: OperationName) -> Document:
    """Return the event stream that an operation's command prints."""
    return Document(failure=OPERATIONS[name].failure, flags=(STREAM_FLAG,), frames=True)


def document_of(name: OperationName) -> Document:
    """Return the document that an operation's command prints."""
    return replace(_document(OPERATIONS[name].failure), operation=name)
