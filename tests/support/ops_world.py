"""An ops gateway whose workspaces, programs and store are in memory, and what it answered."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from jsonschema import Draft202012Validator

from millracer.application.choices import RunChoices
from millracer.application.memory import Memory
from millracer.application.ops import CommandDefaults, OpsGateway
from millracer.application.ops_runs import Tools
from millracer.application.orchestrator import Orchestrator
from millracer.contracts.ops_request import InvalidOpsRequest, read_ops_request
from millracer.contracts.ops_result import render_ops_result
from millracer.contracts.schemas import SchemaName, schema_of
from millracer.domain.result import RunResult
from millracer.domain.work import RunRequest
from millracer.errors import WorkspaceUnusable
from millracer.interfaces.ops_command import _no_stream
from millracer.ports import Directories, Millrace, SessionStore
from millracer.waiting import Cancellation
from tests.fakes.clock import FrozenClock
from tests.fakes.millrace import ScriptedMillrace
from tests.fakes.pi import ScriptedPi
from tests.fakes.store import InMemorySessionStore

HERE = "/here"
WORKSPACE = "/workspace"

#: The published schemas, ready to be asked.
VALIDATORS = {name: Draft202012Validator(schema_of(name)) for name in SchemaName}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDirectories(Directories):
    """Paths that are only names.

    Attributes:
        existing: the directories there are.
        initialised: those of them that Millrace was initialised in.
    """

    existing: frozenset[str] = frozenset({HERE, WORKSPACE})
    initialised: frozenset[str] = frozenset({WORKSPACE})
    here: str | None = HERE

    def current(self) -> str | None:
        return self.here

    def absolute(self, path: str) -> str:
        if "\0" in path or path.startswith("~"):
            raise WorkspaceUnusable(f"the path {path!r} cannot be used")
        return posixpath.normpath(posixpath.join(self.here or "/", path))

    def exists(self, path: str) -> bool:
        return path in self.existing

    def is_workspace(self, path: str) -> bool:
        return path in self.initialised


@dataclass(slots=True)
class MemoryTools(Tools):
    """Hands out scripted programs, and remembers whether anybody wanted one.

    Attributes:
        canned: makes a run's result without any orchestrator.
        opened: what was opened, oldest first.
    """

    pi: ScriptedPi = field(default_factory=ScriptedPi)
    scripted: ScriptedMillrace = field(default_factory=ScriptedMillrace)
    canned: Callable[[RunRequest], RunResult] | None = None
    opened: list[str] = field(default_factory=list)

    def millrace(self, root_path: str, choices: RunChoices) -> Millrace:
        self.opened.append("millrace")
        return self.scripted

    @contextmanager
    def orchestrator(
        self, root_path: str, choices: RunChoices, cancellation: Cancellation
    ) -> Iterator[Orchestrator]:
        self.opened.append("orchestrator")
        if self.canned is None:
            yield Orchestrator(
                millrace=self.scripted,
                pi=self.pi,
                clock=FrozenClock(),
                unique=lambda: "unique",
            )
        else:
            yield cast("Orchestrator", _Canned(self.canned))


@dataclass(frozen=True, slots=True)
class _Canned:
    make: Callable[[RunRequest], RunResult]

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        cancellation.raise_if_cancelled()
        return self.make(request)


@dataclass(frozen=True, slots=True)
class Answered:
    """One printed result and its exit code."""

    exit_code: int
    document: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        """The codes of its errors, in order."""
        return [error["code"] for error in self.document["errors"]]

    @property
    def warning_codes(self) -> list[str]:
        """The codes of its warnings, in order."""
        return [warning["code"] for warning in self.document["warnings"]]


@dataclass(slots=True)
class OpsWorld:
    """One machine's memory: every call is a command of its own, the store is what remains."""

    tools: MemoryTools = field(default_factory=MemoryTools)
    directories: Directories = field(default_factory=MemoryDirectories)
    store: SessionStore = field(default_factory=lambda: InMemorySessionStore(now=FrozenClock().now))
    choices: RunChoices = field(default_factory=RunChoices)
    workspace: str | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)

    def answer(self, raw: bytes, *, stream: bool = False) -> Answered:
        """Give the bytes to `millracer ops --json` (or `--stream-json`), as the command would."""
        gateway = OpsGateway(
            tools=self.tools,
            memory=Memory(self.store),
            directories=self.directories,
            clock=FrozenClock(),
            defaults=CommandDefaults(choices=self.choices, workspace=self.workspace),
        )
        try:
            read = read_ops_request(raw)
        except InvalidOpsRequest as error:
            answer = gateway.refuse_unreadable(error)
        else:
            if stream:
                answer = gateway.refuse(read, _no_stream())
            else:
                answer = gateway.handle(read, self.cancellation)
        return Answered(int(answer.exit_code), strictly(render_ops_result(answer.result)))


def strictly(text: str) -> Any:
    """Read JSON that every reader can read: ASCII, and no NaN."""
    assert text.isascii()
    return json.loads(text, parse_constant=_refuse)


def assert_published(name: SchemaName, document: Any) -> None:
    """Fail with what the schema says against a document."""
    errors = [
        f"{error.json_path}: {error.message}" for error in VALIDATORS[name].iter_errors(document)
    ]
    assert errors == []


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
