"""Around an operator without a terminal: programs that count what is opened, and the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from millracer.cli.commands.items.logs import logs_text
from millracer.cli.commands.items.show import item_lines
from millracer.cli.commands.status.view import status_lines
from millracer.domain.run.options import RunOptions
from millracer.errors import MillracerError
from millracer.operator.session import OperatorTools, Voice
from millracer.ports import Agent, Backend, ProgressListener, Repository, TextListener
from millracer.ports.event_log import LogListener
from millracer.run.orchestrator import Orchestrator
from millracer.schemas.items.item import ItemResult, LogsResult
from millracer.schemas.status import StatusResult
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.repository import ScriptedRepository


class Words(Voice):
    """Keeps the printed words, oldest first."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.notes: list[str] = []

    def answer(self, text: str) -> None:
        self.answers.append(text)

    report = patch = document = answer

    def status(self, status: StatusResult) -> None:
        self.answers.append("\n".join(status_lines(status)))

    def item(self, item: ItemResult) -> None:
        assert item.item is not None
        self.answers.append("\n".join(item_lines(item.item, item.workspace)))

    def logs(self, logs: LogsResult) -> None:

        self.answers.append(logs_text(logs, raw=False))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def forget(self) -> None:
        """Begin again."""
        self.answers.clear()
        self.notes.clear()


@dataclass(slots=True, kw_only=True)
class ConversationTools(OperatorTools):
    """One scripted Millrace a workspace, and the conversations that a test prepared, in order.

    Attributes:
        prepared: the conversations still to be opened.
        opened: where each conversation was opened, and it.
        refusal: why Millrace cannot be opened.
        pi_refusal: why pi cannot be opened.
        run_error: what a run breaks off with.
    """

    clock: FrozenClock
    prepared: list[ScriptedAgent] = field(default_factory=list)
    opened: list[tuple[str, ScriptedAgent]] = field(default_factory=list)
    backends: dict[str, ScriptedBackend] = field(default_factory=dict)
    refusal: MillracerError | None = None
    pi_refusal: MillracerError | None = None
    run_error: BaseException | None = None
    repositories: ScriptedRepository = field(default_factory=ScriptedRepository)
    numbers: Iterator[int] = field(default_factory=count)

    def will_open(self, *conversations: ScriptedAgent) -> None:
        """Prepare the next conversations."""
        self.prepared.extend(conversations)

    def millrace_of(self, root_path: str) -> ScriptedBackend:
        """Return a workspace's Millrace, to be scripted."""
        return self.backends.setdefault(root_path, ScriptedBackend(workspace=root_path))

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        if self.refusal is not None:
            raise self.refusal
        return self.millrace_of(root_path)

    def agent(self, root_path: str, options: RunOptions) -> Agent:
        if self.pi_refusal is not None:
            raise self.pi_refusal
        assert self.prepared, "a conversation more than the test foresees was opened"
        conversation = self.prepared.pop(0)
        self.opened.append((root_path, conversation))
        return conversation

    def repository(self, root_path: str) -> Repository:
        return self.repositories

    def over(
        self,
        millrace: Backend,
        pi: Agent,
        listeners: Sequence[ProgressListener],
        on_text: TextListener | None,
        on_log: LogListener | None,
    ) -> Orchestrator:
        if self.run_error is not None:
            raise self.run_error
        return Orchestrator(
            millrace=millrace,
            pi=pi,
            clock=self.clock,
            unique=lambda: f"unique-{next(self.numbers)}",
            listeners=listeners,
            on_text=on_text,
            on_log=on_log,
        )
