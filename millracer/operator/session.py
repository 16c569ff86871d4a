"""The operator's session: a pi conversation, selections, tasks and commands.

It is independent of the terminal: it takes lines and writes to a `Voice`. Errors are shown, and the
session continues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from millracer import __version__
from millracer.cancellation import Cancellation, Wait
from millracer.domain.control import ControlOutcome
from millracer.domain.requests import IntakePreference, RoutePreference, RunRequest
from millracer.domain.run.options import RunOptions
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult, failed_result
from millracer.domain.work.items import ListedItem
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.errors import (
    MillracerError,
    RunWarning,
    StoreUnavailable,
    UsageError,
    WorkspaceUnusable,
)
from millracer.operations.items.find_item import find_item
from millracer.operations.items.item_reports import READ_SECONDS, read_item, read_logs
from millracer.operations.items.retry import retry
from millracer.operations.options import Merged, OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.operations.status import read_status
from millracer.operator.input_line import (
    CommandLine,
    CommandName,
    TaskLine,
    UnknownCommand,
    parse_line,
)
from millracer.operator.reports import (
    Done,
    describe_commands,
    describe_earlier,
    describe_ending,
    describe_history,
    describe_left,
    describe_workspaces,
)
from millracer.operator.selection import OperatorSelection, Place
from millracer.ports import (
    Agent,
    Backend,
    Clock,
    Directories,
    ProgressListener,
    Repository,
    SessionStore,
    TextListener,
)
from millracer.ports.event_log import LogListener
from millracer.run.prepare.lookup import has_ended_on_disk, item_named
from millracer.run.summary import is_answer
from millracer.schemas.base import render
from millracer.schemas.items.item import ItemResult, LogsResult, describe_item, describe_logs
from millracer.schemas.run.result import render_result
from millracer.schemas.status import StatusResult, describe_overview

if TYPE_CHECKING:  # many operator commands run no task
    from millracer.run.orchestrator import Orchestrator


_CLOSE_SECONDS = 5.0
_READ_SECONDS = 20.0
_NOTHING_DONE = "no task was done in this session yet, and Millrace holds no item here"
_CLEAR = "-"

_Preference = TypeVar("_Preference", bound=StrEnum)


class Operator:
    """Handles input lines until the user leaves.

    Args:
        workspace: `--workspace`, if given; else the session's selection,
            or the current directory.
        new_request_id: returns a new id for each task.

    Raises:
        WorkspaceUnresolved: no workspace is selected, and the current directory does not exist.
        WorkspaceUnusable: `workspace` is not a path.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        tools: OperatorTools,
        store: SessionStore,
        directories: Directories,
        clock: Clock,
        voice: Voice,
        options: OptionLayers,
        session_id: str,
        workspace: str | None,
        new_request_id: Callable[[], str],
    ) -> None:
        self._tools = tools
        self._store = store
        self._clock = clock
        self._voice = voice
        # The selection holds the mode from here on, so that `/mode -` can remove it.
        self._options = options.with_values(millrace_mode=None)
        self._session_id = session_id
        self._new_request_id = new_request_id
        self._pi: Agent | None = None
        self._pi_options: RunOptions | None = None
        self._done: list[Done] = []
        self._warned: set[RunWarning] = set()
        self._store_warnings: tuple[RunWarning, ...] = ()
        self._left = False
        self._selection = OperatorSelection(
            store=store,
            directories=directories,
            session_id=session_id,
            workspace=workspace,
            mode=options.anywhere.named_mode,
        )
        self._commands: dict[CommandName, Callable[[str, Watching], RunResult | None]] = {
            CommandName.HELP: self._help,
            CommandName.STATUS: self._status,
            CommandName.WORKSPACE: self._choose_workspace,
            CommandName.MODE: self._choose_mode,
            CommandName.ROUTE: self._choose_route,
            CommandName.INTAKE: self._choose_intake,
            CommandName.LAST: self._last,
            CommandName.HISTORY: self._history,
            CommandName.SHOW: self._show,
            CommandName.LOGS: self._logs,
            CommandName.DIFF: self._diff,
            CommandName.RETRY: self._retry,
            CommandName.WATCH: self._watch,
            CommandName.EXIT: self._leave,
            CommandName.QUIT: self._leave,
        }

    @property
    def left(self) -> bool:
        """Whether the user asked to leave."""
        return self._left

    def greet(self) -> None:
        """Show the selected workspace and mode, and problems that prevent tasks."""
        for warning in self._selection.warnings:
            self._warn(warning)
        try:
            self._say_selection()
        except MillracerError as error:
            self._complain(error)
        if not self._selection.usable:
            self._complain(self._no_directory())

    def take(self, line: str, watching: Watching) -> RunResult | None:
        """Handle one line; return the result if it was a task.

        Raises:
            Cancelled: the user stopped a command that is not a task.
        """
        try:
            match parse_line(line):
                case None:
                    return None
                case TaskLine(text=text):
                    return self._run(self._request(text), watching)
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

    # commands

    def _leave(self, _argument: str, _watching: Watching) -> None:
        self._left = True

    def _help(self, _argument: str, _watching: Watching) -> None:
        self._voice.report(describe_commands())

    def _status(self, _argument: str, watching: Watching) -> None:
        if not self._selection.usable:
            raise self._no_directory()
        millrace = self._millrace()
        status = read_status(millrace, Wait(watching.cancellation))
        self._voice.status(describe_overview(status, self._selection.place.resolution))

    def _choose_workspace(self, argument: str, watching: Watching) -> None:
        if not argument:
            registered = self._store.list_workspaces()
            self._voice.report(describe_workspaces(self._workspace, registered))
            return
        place = self._selection.find(argument)
        moved = place.root_path != self._workspace
        options = self._options_at(place)  # an unusable file there raises before anything changes
        self._remember(lambda: self._selection.choose_place(place))
        self._say_selection()
        if moved and self._pi is not None and not self._pi_serves(options.options):
            # pi and its tools work in the directory they were started in, as they were started.
            self.close(watching.cancellation)
            self._voice.note("pi begins a new conversation there")

    def _choose_mode(self, argument: str, watching: Watching) -> None:
        if argument == _CLEAR:
            self._remember(lambda: self._selection.choose_mode(None))
        elif argument:
            self._require_mode(argument, watching)
            self._remember(lambda: self._selection.choose_mode(argument))
        self._say_selection()
        if not argument:
            modes = self._known_modes(watching)
            if modes:
                self._voice.note(f"Millrace's modes ({', '.join(modes)}); select one: /mode NAME")

    def _require_mode(self, mode: str, watching: Watching) -> None:
        """Refuse a mode that Millrace does not know; accept it if Millrace cannot be asked.

        Raises:
            UsageError: Millrace does not know the mode.
        """
        modes = self._known_modes(watching)
        if modes and mode not in modes:
            near = get_close_matches(mode, modes, n=1)
            raise UsageError(
                f"Millrace has no mode {mode!r:.100}; its modes are {', '.join(modes)}",
                suggested_action=f"type one of them, as in /mode {near[0] if near else modes[0]}",
            )

    def _known_modes(self, watching: Watching) -> tuple[str, ...]:
        """Return Millrace's modes; empty, with a note, if they cannot be read."""
        wait = Wait(watching.cancellation).within(_READ_SECONDS)
        try:
            return self.mode_names(wait)
        except MillracerError as error:
            self._voice.note(f"Millrace's modes are not known: {error.message}")
            return ()

    def _remember(self, choose: Callable[[], None]) -> None:
        try:
            choose()
        except StoreUnavailable as error:
            self._voice.note(f"chosen, but not remembered: {error.message}")

    def _say_selection(self) -> None:
        named = self._options_here().options.millrace_mode
        mode = named or f"{DEFAULT_MODE} unless pi names another"
        self._voice.note(f"workspace {self._workspace} · mode {mode}")

    def _choose_route(self, argument: str, _watching: Watching) -> None:
        present = self._options_here().options.route
        route = self._preference(RoutePreference, present, "route", argument)
        if argument:
            self._options = self._options.with_values(route=route)

    def _choose_intake(self, argument: str, _watching: Watching) -> None:
        present = self._options_here().options.intake
        intake = self._preference(IntakePreference, present, "intake", argument)
        if argument:
            self._options = self._options.with_values(intake=intake)

    def _preference(
        self, kind: type[_Preference], present: _Preference, name: str, argument: str
    ) -> _Preference:
        chosen = present
        if argument:
            if argument not in list(kind):
                near = get_close_matches(argument, list(kind), n=1)
                example = near[0] if near else present
                raise UsageError(
                    f"/{name} takes one of {', '.join(kind)}",
                    suggested_action=f"type one of them, as in /{name} {example}",
                )
            chosen = kind(argument)
        self._voice.note(f"{name} {chosen}")
        return chosen

    def _last(self, argument: str, watching: Watching) -> None:
        if argument not in {"", "json"}:
            raise UsageError(
                "/last takes nothing, or json", suggested_action="type /last, or /last json"
            )
        if not self._done:
            self._last_of_millrace(watching, as_json=bool(argument))
            return
        last = self._done[-1]
        if argument:
            self._voice.document(render_result(last.result))
        else:
            self._show_output(last.result)
            self._voice.note(describe_ending(last.result, last.seconds))

    def _last_of_millrace(self, watching: Watching, *, as_json: bool) -> None:
        """Show the item that Millrace wrote last, after a restart of the operator."""
        items = self._items()
        if not items:
            self._voice.note(_NOTHING_DONE)
            return
        document = self._read_item(items[0].item_id, watching)
        if as_json:
            self._voice.document(render(document))
        else:
            self._voice.item(document)

    def _history(self, _argument: str, _watching: Watching) -> None:
        done = {each.result.work_item_id for each in self._done}
        try:
            items = self._items()
        except MillracerError as error:
            if not self._done:
                raise
            self._complain(error)
            items = []
        earlier = [item for item in items if item.item_id not in done]
        if not (earlier or self._done):
            self._voice.note(_NOTHING_DONE)
            return
        lines = [describe_earlier(earlier)] if earlier else []
        lines += [describe_history(self._done)] if self._done else []
        self._voice.report("\n".join(lines))

    def _items(self) -> list[ListedItem]:
        """Return the items of the workspace, the last written first; empty if it has none."""
        if not self._selection.usable:
            return []
        items = self._millrace().list_items()
        return sorted(items, key=lambda item: item.written_at, reverse=True)

    def _show(self, name: str, watching: Watching) -> None:
        self._voice.item(self._read_item(self._named(name), watching))

    def _read_item(self, name: str, watching: Watching) -> ItemResult:
        wait = Wait(watching.cancellation).within(READ_SECONDS)
        repository = self._tools.repository(self._workspace)
        return describe_item(read_item(name, self._millrace(), repository, wait), ())

    def _logs(self, name: str, watching: Watching) -> None:
        millrace = self._millrace()
        wait = Wait(watching.cancellation).within(READ_SECONDS)
        item_status = find_item(self._named(name), millrace, wait)
        logs = read_logs(item_status, None, millrace, wait)
        self._voice.logs(
            describe_logs(millrace.workspace, item_status.item_id, logs, (), raw=False)
        )

    def _diff(self, name: str, watching: Watching) -> None:
        item_id = item_named(self._named(name), self._millrace())
        repository = self._tools.repository(self._workspace)
        has_ended = has_ended_on_disk(item_id, self._millrace())
        patch = repository.patch(item_id, Wait(watching.cancellation), has_ended=has_ended)
        if patch:
            self._voice.patch(patch.removesuffix("\n"))
        else:
            self._voice.note("no file changed")

    def _retry(self, name: str, watching: Watching) -> None:
        report = retry(self._named(name), self._millrace(), watching.cancellation)
        for error in report.errors:
            self._say_error(error.message, error.suggested_action)
        if not report.errors:
            self._voice.note(report.message)
        if report.outcome is ControlOutcome.DONE:
            self._voice.note(f"  to continue: /watch {report.item_id}")

    def _named(self, name: str) -> str:
        """Return the name, or without one the item of the last delegated task.

        Raises:
            UsageError: there is no name and no item.
        """
        last = [each.result.work_item_id for each in self._done if each.result.work_item_id]
        found = name or (last[-1] if last else next((i.item_id for i in self._items()), ""))
        if not found:
            raise UsageError(
                "there is no work item yet",
                suggested_action="give a task, or name an item from /history",
            )
        return found

    def _watch(self, item_id: str, watching: Watching) -> RunResult | None:
        if not item_id:
            left = self._millrace().list_unfinished()
            self._voice.report(describe_left(left, self._workspace))
            return None
        return self._run(replace(self._request(""), resume=item_id), watching)

    # tasks

    def _request(self, task: str) -> RunRequest:
        return self._options_here().request(task, self._new_request_id())

    def _run(self, request: RunRequest, watching: Watching) -> RunResult:
        began = self._clock.monotonic()
        try:
            result = self._run_in_conversation(request, watching)
        except MillracerError as error:
            result = failed_result(request.request_id, self._workspace, __version__, error)
        seconds = self._clock.monotonic() - began
        task = request.task or f"/watch {request.resume}"
        self._done.append(Done(task=task, result=result, seconds=seconds))
        self._record(result)
        return result

    def _run_in_conversation(self, request: RunRequest, watching: Watching) -> RunResult:
        millrace = self._millrace()
        if self._pi is None:
            self._pi_options = self._options_here().options
            self._pi = self._tools.agent(self._workspace, self._pi_options)
        notices_before = self._pi.notices
        orchestrator = self._tools.over(
            millrace,
            self._pi,
            () if watching.listener is None else (watching.listener,),
            watching.on_text,
            watching.on_log,
        )
        result = orchestrator.run(request, watching.cancellation)
        # The conversation keeps all its notices; a task's result has only those of that task.
        new = tuple(warning for warning in result.warnings if warning not in notices_before)
        return replace(result, warnings=new)

    def _show_output(self, result: RunResult) -> None:
        show = self._voice.answer if is_answer(result) else self._voice.report
        show(result.output)

    def report(self, result: RunResult, *, streamed: bool) -> None:
        """Show how a task ended: its answer unless it was streamed, warnings, and the ending."""
        if result.outcome in {Outcome.FAILED, Outcome.CANCELLED}:
            for error in result.errors:
                self._say_error(error.message, error.suggested_action)
        elif not streamed:
            self._show_output(result)
        for warning in (*result.warnings, *self._store_warnings):
            self._warn(warning)
        self._voice.note(describe_ending(result, self._done[-1].seconds))

    def _record(self, result: RunResult) -> None:
        memory = SessionMemory(self._store)
        memory.record(
            self._session_id,
            client_name=self._session_id,
            request_id=result.request_id,
            warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
        )
        self._store_warnings = memory.warnings

    @property
    def _workspace(self) -> str:
        return self._selection.place.root_path

    def _no_directory(self) -> WorkspaceUnusable:
        return WorkspaceUnusable(
            f"{self._workspace} is not a directory",
            suggested_action="create it, or choose another one: /workspace PATH",
        )

    def _millrace(self) -> Backend:
        return self._tools.millrace(self._workspace, self._options_here().options)

    def _options_here(self) -> Merged:
        """Return the options of tasks in the selected workspace.

        Raises:
            ConfigInvalid: its configuration file cannot be read, or has a forbidden key or value.
        """
        return self._options_at(self._selection.place)

    def _options_at(self, place: Place) -> Merged:
        layers = self._options
        if self._selection.mode is not None:
            layers = layers.with_values(millrace_mode=self._selection.mode)
        return layers.for_workspace(place.root_path, session_mode=place.default_mode)

    def _pi_serves(self, options: RunOptions) -> bool:
        """Whether the open conversation was started with the options of the new workspace."""
        return (
            options.cwd is not None
            and self._pi_options is not None
            and (_how_pi_starts(options) == _how_pi_starts(self._pi_options))
        )

    def _warn(self, warning: RunWarning) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            self._voice.note(f"warning: {warning.code}: {warning.text}")

    def _complain(self, error: MillracerError) -> None:
        self._say_error(error.message, error.suggested_action)

    def _say_error(self, message: str, suggested_action: str | None) -> None:
        action = f"\n  next: {suggested_action}" if suggested_action else ""
        self._voice.note(f"error: {message}{action}")


def _how_pi_starts(options: RunOptions) -> tuple[object, ...]:
    return (options.cwd, options.pi_session, options.provider, options.model, options.thinking)


class Voice(Protocol):
    """The operator's output."""

    def answer(self, text: str) -> None:
        """Show an answer of pi, which is Markdown."""
        ...

    def report(self, text: str) -> None:
        """Show a text or list of Millracer."""
        ...

    def patch(self, text: str) -> None:
        """Show a unified diff."""
        ...

    def document(self, text: str) -> None:
        """Show a JSON document, unchanged."""
        ...

    def status(self, status: StatusResult) -> None:
        """Show the status of a workspace, with its errors."""
        ...

    def item(self, item: ItemResult) -> None:
        """Show everything about a work item."""
        ...

    def logs(self, logs: LogsResult) -> None:
        """Show the transcripts of an item's stages."""
        ...

    def note(self, text: str) -> None:
        """Show additional text: how a task ended, a warning, an error."""
        ...


class OperatorTools(Protocol):
    """Opens pi and Millrace for one workspace; raises the errors of `millracer.errors`."""

    def agent(self, root_path: str, options: RunOptions) -> Agent:
        """Return a new conversation, not started yet."""
        ...

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        """Return the Millrace of a workspace."""
        ...

    def repository(self, root_path: str) -> Repository:
        """Return the repository of a workspace."""
        ...

    def over(
        self,
        millrace: Backend,
        pi: Agent,
        listeners: Sequence[ProgressListener],
        on_text: TextListener | None,
        on_log: LogListener | None,
    ) -> Orchestrator:
        """Return an orchestrator over both; it owns neither."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The listeners of a running task, and its cancellation."""

    cancellation: Cancellation
    listener: ProgressListener | None = None
    on_text: TextListener | None = None
    on_log: LogListener | None = None
