"""The JSON documents that commands print, and how each reports a failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.domain.programs import variable_of

if TYPE_CHECKING:
    from millracer.errors import MillracerError
    from millracer.schemas.base import Published

_OUTPUT = "--output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON document that a command prints for every input, failures included.

    Attributes:
        failure: "module:function", which returns the document of an error; called with the error
            and the command's name.
        flags: options that request the document.
        output: the default of `--output`; None for a command without that option.
        lines: whether it is printed on one line.
    """

    failure: str
    flags: tuple[str, ...] = ()
    output: OutputFormat | None = None
    lines: bool = False

    def is_requested_by(self, words: Sequence[str]) -> bool:
        """Whether a command line, valid or not, requests the document."""
        if not set(self.flags).isdisjoint(words):
            return True
        if self.output is None:
            return False
        return (_last_value(_OUTPUT, words) or self.output) == OutputFormat.JSON

    def load(self) -> Callable[[MillracerError, str | None], str]:
        """Return the function that renders a failure; its modules are imported now."""
        from millracer.schemas.base import render, render_line  # noqa: PLC0415 - models are heavy

        describe = cast("Callable[..., Published]", load(self.failure))
        render_document = render_line if self.lines else render
        return lambda error, command: render_document(describe(error, command))


def _last_value(option: str, words: Sequence[str]) -> str | None:
    value = os.environ.get(variable_of(option)) or None
    for at, word in enumerate(words):
        if word == option and at + 1 < len(words):
            value = words[at + 1]
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2]
    return value


_OPS = "millracer.operations.reply:describe_failure"

DEMO = Document(failure=OPERATIONS[OperationName.RUN].failure, output=OutputFormat.JSON)
OPS_LINE = Document(failure=_OPS, flags=("--jsonl",), lines=True)
OPS = Document(failure=_OPS, flags=("--json", "--stream-json"))
CONFIG = Document(failure="millracer.schemas.config:describe_failure", flags=("--json",))
DOCTOR = Document(failure="millracer.schemas.doctor:describe_failure", flags=("--json",))


def document_of(name: OperationName) -> Document:
    """Return the document that an operation's command prints."""
    operation = OPERATIONS[name]
    return Document(
        failure=operation.failure,
        flags=("--json",) if operation.has_json_option else (),
        output=OutputFormat.TEXT if operation.has_output_option else None,
    )
