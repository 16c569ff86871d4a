"""One person's session with Millracer: a pi conversation, selections, tasks and commands.

Knows no terminal: a line goes in, words go to a `Voice`. Whatever goes wrong is said, and the
session goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Protocol, TypeVar

from millracer.application.choices import RunChoices
from millracer.application.memory import Memory
from millracer.application.operator_reports import (
    describe_ending,
    describe_left,
    describe_status,
    describe_workspaces,
)
from millracer.application.orchestrator import Orchestrator
from millracer.application.resolving import resolve_selection
from millracer.contracts.run_result import render_result
from millracer.domain.operator_line import (
    COMMANDS,
    CommandLine,
    CommandName,
    TaskLine,
    UnknownCommand,
    parse_line,
)
from millracer.domain.result import RunResult
from millracer.domain.session import Selection
from millracer.domain.work import (
    IntakePreference,
    Outcome,
    RoutePreference,
    RunRequest,
    RunWarning,
)
from millracer.errors import MillracerError, StoreUnavailable, UsageError
from millracer.ports import (
    Clock,
    Directories,
    Millrace,
    Pi,
    ProgressListener,
    SessionStore,
    TextListener,
)
from millracer.waiting import Cancellation, Wait

_CLOSE_SECONDS = 5.0
_STATUS_SECONDS = 60.0
_CLEAR = "-"

_Preference = TypeVar("_Preference", bound=StrEnum)


class Voice(Protocol):
    """Where the operator's words go."""

    def answer(self, text: str) -> None:
        """Say what was asked for: an answer of pi, a report."""
        ...

    def note(self, text: str) -> None:
        """Say something beside the answer: how a task ended, a warning, an error."""
        ...


class OperatorTools(Protocol):
    """Opens pi and Millrace for one workspace; errors as `millracer.errors`."""

    def pi(self, root_path: str, choices: RunChoices) -> Pi:
        """Return a new conversation, not started yet."""
        ...

    def millrace(self, root_path: str, choices: RunChoices) -> Millrace:
        """Return the Millrace of a workspace."""
        ...

    def over(
        self,
        millrace: Millrace,
        pi: Pi,
        listeners: Sequence[ProgressListener],
        on_text: TextListener | None,
    ) -> Orchestrator:
        """Return an orchestrator over both; it owns neither."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Who is told of a task while it runs, and who may stop it."""

    cancellation: Cancellation
    listener: ProgressListener | None = None
    on_text: TextListener | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task of this session and how it ended; seconds on the wall."""

    task: str
    result: RunResult
    seconds: float


class Operator:
    """Takes lines until it is told to leave.

    Args:
        workspace: `--workspace`, if given; else what the session selected, the registry's default,
            or the current directory.
        new_request_id: returns a fresh id for each task.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        tools: OperatorTools,
        store: SessionStore,
        directories: Directories,
        clock: Clock,
        voice: Voice,
        choices: RunChoices,
        session_id: str,
        workspace: str | None,
        new_request_id: Callable[[], str],
    ) -> None:
        self._tools = tools
        self._store = store
        self._directories = directories
        self._clock = clock
        self._voice = voice
        self._choices = choices
        self._session_id = session_id
        self._new_request_id = new_request_id
        self._pi: Pi | None = None
        self._done: list[Done] = []
        self._warned: set[RunWarning] = set()
        self._left = False
        self._workspace = ""
        self._default_mode: str | None = None
        self._commands: dict[CommandName, Callable[[str, Watching], RunResult | None]] = {
            CommandName.HELP: self._help,
            CommandName.STATUS: self._status,
            CommandName.WORKSPACE: self._choose_workspace,
            CommandName.MODE: self._choose_mode,
            CommandName.ROUTE: self._choose_route,
            CommandName.INTAKE: self._choose_intake,
            CommandName.LAST: self._last,
            CommandName.HISTORY: self._history,
            CommandName.RESUME: self._resume,
            CommandName.EXIT: self._leave,
            CommandName.QUIT: self._leave,
        }
        self._begin(workspace)

    @property
    def left(self) -> bool:
        """Whether the person asked to leave."""
        return self._left

    @property
    def workspace(self) -> str:
        """The selected workspace's absolute path."""
        return self._workspace

    @property
    def mode(self) -> str | None:
        """The mode of delegated work, None where pi or the default decides."""
        return self._choices.mode or self._default_mode

    def greet(self) -> None:
        """Say where tasks will be done and in which mode."""
        mode = self.mode or "as pi or the default says"
        self._voice.note(f"workspace {self._workspace} · mode {mode}")

    def take(self, line: str, watching: Watching) -> RunResult | None:
        """Do what one line says; returns the result where it was a task.

        Raises:
            Cancelled: the person stopped a command that is no task.
        """
        try:
            match parse_line(line):
                case None:
                    return None
                case TaskLine(text=text):
                    return self._run(self._choices.request(text, self._new_request_id()), watching)
                case CommandLine(name=name, argument=argument):
                    return self._commands[name](argument, watching)
                case UnknownCommand(word=word, nearest=nearest):
                    meant = "" if nearest is None else f" did you mean /{nearest}?"
                    self._voice.note(f"there is no command /{word};{meant} see /help")
                    self._voice.note(
                        "  a task that begins with a slash is typed with a blank first"
                    )
        except MillracerError as error:
            self._complain(error)
        return None

    def close(self, cancellation: Cancellation) -> None:
        """End the pi conversation; never raises."""
        if self._pi is not None:
            self._pi.close(Wait(cancellation).cleaning_up(_CLOSE_SECONDS))
            self._pi = None

    def workspace_names(self) -> tuple[str, ...]:
        """Return the ids that `/workspace` knows."""
        try:
            return tuple(entry.workspace_id for entry in self._store.list_workspaces())
        except StoreUnavailable:
            return ()

    def mode_names(self, wait: Wait) -> tuple[str, ...]:
        """Ask Millrace for its modes.

        Raises:
            MillracerError: Millrace cannot be asked.
            Cancelled: the caller asked to stop.
        """
        return self._millrace().list_modes(wait)

    # selections

    def _begin(self, workspace: str | None) -> None:
        memory = Memory(self._store)
        session = memory.session(self._session_id)
        selection = None if session is None else session.selection
        if self._choices.mode is None and selection is not None:
            self._choices = replace(self._choices, mode=selection.mode)
        if workspace is not None:
            self._workspace = self._directories.absolute(workspace)
        else:
            self._select_remembered(memory, selection)
        for warning in memory.warnings:
            self._warn(warning)
        if not self._directories.exists(self._workspace):
            self._voice.note(f"{self._workspace} is not a directory; choose another: /workspace")

    def _select_remembered(self, memory: Memory, selection: Selection | None) -> None:
        resolution = resolve_selection(selection, memory)
        if resolution is None:
            default = memory.default_workspace()
            current = self._directories.current() or "/"
            self._workspace = current if default is None else default.root_path
            self._default_mode = None if default is None else default.default_mode
        else:
            self._workspace = resolution.root_path
            self._default_mode = resolution.default_mode

    def _remember(self, store_selection: Callable[[], object]) -> None:
        try:
            store_selection()
        except StoreUnavailable as error:
            self._voice.note(f"chosen, but not remembered: {error.message}")

    # commands

    def _leave(self, _argument: str, _watching: Watching) -> None:
        self._left = True

    def _help(self, _argument: str, _watching: Watching) -> None:
        shown = {f"/{name} {usage}".rstrip(): text for name, (usage, text) in COMMANDS.items()}
        width = max(map(len, shown))
        self._voice.answer(
            "\n".join(
                [
                    "Anything else is a task. Alt-Enter begins a new line, Ctrl-C stops a task.",
                    *(f"  {usage:<{width}}  {text}" for usage, text in shown.items()),
                ]
            )
        )

    def _status(self, _argument: str, watching: Watching) -> None:
        millrace = self._millrace()
        if not millrace.holds_work:
            self._voice.answer(
                f"{self._workspace}\n"
                "  not a Millrace workspace yet; the first delegated task makes it one"
            )
            return
        wait = Wait(watching.cancellation).within(_STATUS_SECONDS)
        millrace.check_supported(wait)
        status = millrace.read_status(wait)
        self._voice.answer(describe_status(self._workspace, status, millrace.list_left()))

    def _choose_workspace(self, argument: str, _watching: Watching) -> None:
        if not argument:
            registered = self._store.list_workspaces()
            self._voice.answer(describe_workspaces(self._workspace, registered))
            return
        found = Memory(self._store).find_workspace(argument)
        path = self._directories.absolute(argument) if found is None else found.root_path
        if not self._directories.exists(path):
            raise UsageError(
                f"{argument!r} is no registered workspace and no directory",
                suggested_action="see /workspace, or `millracer workspaces add`",
            )
        moved = path != self._workspace
        self._workspace = path
        self._default_mode = None if found is None else found.default_mode
        self._remember(
            lambda: self._store.select_workspace(
                self._session_id,
                None if found is None else found.workspace_id,
                path,
                client_name=self._session_id,
            )
        )
        self.greet()
        if moved and self._choices.cwd is None and self._pi is not None:
            # pi and its tools work in the directory they were started in.
            self.close(Cancellation())
            self._voice.note("pi begins a new conversation there")

    def _choose_mode(self, argument: str, _watching: Watching) -> None:
        if argument:
            mode = None if argument == _CLEAR else argument
            self._choices = replace(self._choices, mode=mode)
            self._remember(
                lambda: self._store.select_mode(
                    self._session_id, mode, client_name=self._session_id
                )
            )
        self.greet()

    def _choose_route(self, argument: str, _watching: Watching) -> None:
        route = self._preference(RoutePreference, self._choices.route, "route", argument)
        self._choices = replace(self._choices, route=route)

    def _choose_intake(self, argument: str, _watching: Watching) -> None:
        intake = self._preference(IntakePreference, self._choices.intake, "intake", argument)
        self._choices = replace(self._choices, intake=intake)

    def _preference(
        self, kind: type[_Preference], present: _Preference, name: str, argument: str
    ) -> _Preference:
        chosen = present
        if argument:
            if argument not in list(kind):
                near = get_close_matches(argument, list(kind), n=1)
                meant = f"; did you mean {near[0]}?" if near else ""
                raise UsageError(f"/{name} takes one of {', '.join(kind)}{meant}")
            chosen = kind(argument)
        self._voice.note(f"{name} {chosen}")
        return chosen

    def _last(self, argument: str, _watching: Watching) -> None:
        if not self._done:
            self._voice.note("no task was done in this session yet")
            return
        last = self._done[-1]
        if argument == "json":
            self._voice.answer(render_result(last.result))
        elif argument:
            raise UsageError("/last takes nothing, or json")
        else:
            self._voice.answer(last.result.output)
            self._voice.note(describe_ending(last.result, last.seconds))

    def _history(self, _argument: str, _watching: Watching) -> None:
        if not self._done:
            self._voice.note("no task was done in this session yet")
            return
        lines = []
        for number, done in enumerate(self._done, 1):
            first = done.task.strip().split("\n", 1)[0]
            item = "" if done.result.work_item_id is None else f"  {done.result.work_item_id}"
            lines.append(
                f"{number:>3}  {done.result.outcome:<14}{done.seconds:>7.1f} s  {first}{item}"
            )
        self._voice.answer("\n".join(lines))

    def _resume(self, item_id: str, watching: Watching) -> RunResult | None:
        if not item_id:
            left = self._millrace().list_left()
            self._voice.answer(describe_left(left, self._workspace))
            return None
        request = replace(self._choices.request("", self._new_request_id()), resume=item_id)
        return self._run(request, watching)

    # tasks

    def _run(self, request: RunRequest, watching: Watching) -> RunResult:
        began = self._clock.monotonic()
        millrace = self._millrace()
        if self._pi is None:
            self._pi = self._tools.pi(self._workspace, self._choices)
        orchestrator = self._tools.over(
            millrace,
            self._pi,
            () if watching.listener is None else (watching.listener,),
            watching.on_text,
        )
        result = orchestrator.run(
            replace(request, session_mode=self._default_mode), watching.cancellation
        )
        seconds = self._clock.monotonic() - began
        self._done.append(
            Done(task=request.task or f"/resume {request.resume}", result=result, seconds=seconds)
        )
        self._record(result)
        return result

    def report(self, result: RunResult, *, streamed: bool) -> None:
        """Say how a task ended: its answer, unless it was told as it came, and what is known."""
        if result.outcome in {Outcome.FAILED, Outcome.CANCELLED}:
            for error in result.errors:
                self._say_error(error.message, error.suggested_action)
        elif not streamed:
            self._voice.answer(result.output)
        for warning in result.warnings:
            self._warn(warning)
        self._voice.note(describe_ending(result, self._done[-1].seconds))

    def _record(self, result: RunResult) -> None:
        memory = Memory(self._store)
        memory.record(
            self._session_id,
            client_name=self._session_id,
            request_id=result.request_id,
            warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
        )
        for warning in memory.warnings:
            self._warn(warning)

    def _millrace(self) -> Millrace:
        return self._tools.millrace(self._workspace, self._choices)

    def _warn(self, warning: RunWarning) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            self._voice.note(f"warning: {warning.code}: {warning.text}")

    def _complain(self, error: MillracerError) -> None:
        self._say_error(error.message, error.suggested_action)

    def _say_error(self, message: str, suggested_action: str | None) -> None:
        action = f"\n  next: {suggested_action}" if suggested_action else ""
        self._voice.note(f"error: {message}{action}")
