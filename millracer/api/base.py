"""The base of all methods of a client: its options, workspace and programs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from millracer.api.listener import NO_LISTENERS, RunListeners
from millracer.api.options import RUN_OPTION_NAMES, checked_keywords, checked_options
from millracer.cancellation import Cancellation
from millracer.domain.operations import OperationName
from millracer.domain.programs import ProgramsUsed
from millracer.domain.run.options import PROGRAM_OPTIONS, RunOptions
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import UsageError
from millracer.operations.context import OperationContext, PreparedTask, Tools
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.ops.gateway import CommandDefaults, OpsGateway
from millracer.operations.options import OptionLayers, values_of
from millracer.operations.registry import perform
from millracer.operations.session.memory import SessionMemory
from millracer.ports import Agent, Backend, EventLogs
from millracer.programs.discovery import resolve_programs
from millracer.schemas.base import redacted
from millracer.wiring import SystemClock, new_identity, open_event_logs, open_gateway, open_store
from millracer.wiring.fleet_access import fleet_opener
from millracer.wiring.tool_factory import PortFactory, ProgramFactory, existing
from millracer.wiring.workspace import find_place

if TYPE_CHECKING:
    from millracer.api.run_events import RunEvents
    from millracer.domain.fleet.items import FleetItem
    from millracer.ports.fleet_store import FleetStore

_BY_DEFAULT: Final = RunOptions()
_PROGRAM_NAMES: Final = tuple(option.name for option in PROGRAM_OPTIONS)


class ClientBase:
    """The constructor and the end of a client; see `Client`."""

    def __init__(  # noqa: PLR0913 - all are optional
        self,
        workspace: str | os.PathLike[str] | None = None,
        *,
        session_id: str | None = None,
        fleet: str | os.PathLike[str] | None = None,
        options: RunOptions = _BY_DEFAULT,
        backends: Callable[[str, RunOptions], Backend] | None = None,
        agents: Callable[[str, RunOptions], Agent] | None = None,
        fleets: Callable[[], AbstractContextManager[FleetStore]] | None = None,
        **keywords: Any,
    ) -> None:
        """Check the arguments; nothing is started yet.

        Args:
            workspace: root of the workspace, an existing directory. None: the workspace that the
                session selected, else the current directory.
            session_id: the session whose selection is used and which records the requests. None:
                no request is recorded, and `select_workspace` selects for the command line's
                default session.
            fleet: the name or file of the fleet, as for `--fleet`. None: the variable
                MILLRACER_FLEET, else the default file.
            options: the options of all calls.
            backends: returns the Millrace of a workspace, for tests. None: the real program.
            agents: returns a new agent for a run, for tests. None: the real pi.
            fleets: opens the store of the fleet, for tests. None: the real database.
            keywords: options of all calls by name, including the programs; they take precedence
                over `options`. None: the default.

        Raises:
            UsageError: a program or a skill cannot be used.
            InvalidRequest: a directory or an option cannot be used; `field` names it.
        """
        programs = {name: keywords.pop(name, None) for name in _PROGRAM_NAMES}
        self._options = OptionLayers(given=values_of(checked_options(options))).with_values(
            **checked_keywords(keywords, RUN_OPTION_NAMES)
        )
        self._workspace = None if workspace is None else existing(Path(workspace), "workspace")
        self._session_id = session_id
        self._programs = ProgramFactory(found=resolve_programs(programs))
        self._backends = backends
        self._agents = agents
        self._open_fleet = fleets or fleet_opener(None if fleet is None else os.fspath(fleet))
        self._lock = threading.Lock()
        self._is_closed = False
        self._iterated: list[RunEvents] = []
        self._check(self._options.anywhere.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that the client shares between calls; repeatable.

        The iterations of events that have not ended are closed, which cancels their runs. Another
        call that is in progress continues. A later call raises `UsageError`.
        """
        with self._lock:
            self._is_closed = True
            iterated = tuple(self._iterated)
        for each in iterated:
            each.close()
        self._programs.close()

    def _call(self, name: OperationName, request: object, cancellation: Cancellation | None) -> Any:
        """Perform an operation with the client's options and return its document."""
        with self._context(self._checked({}), cancellation) as context:
            return perform_redacted(name, request, context)

    def _checked(self, chosen: Mapping[str, Any]) -> OptionLayers:
        """Return the client's options with those of one call.

        Raises:
            UsageError: the client is closed, or a skill cannot be used.
            InvalidRequest: a directory cannot be used; `field` names it.
        """
        self._require_open()
        options = self._options.with_values(**chosen)
        if chosen:
            self._check(options.anywhere.options)
        return options

    @contextmanager
    def _context(
        self,
        options: OptionLayers,
        cancellation: Cancellation | None,
        listeners: RunListeners = NO_LISTENERS,
        on_change: Callable[[FleetItem], None] | None = None,
    ) -> Iterator[OperationContext]:
        """Yield the context of one call with these options."""
        self._require_open()
        with ExitStack() as held:
            store = None if self._session_id is None else held.enter_context(open_store())
            memory = SessionMemory(store)
            yield OperationContext(
                tools=self._tools(listeners),
                memory=memory,
                options=options,
                clock=SystemClock(),
                cancellation=cancellation or Cancellation(),
                find_workspace=lambda: find_place(self._workspace, self._session_id, memory),
                new_identity=new_identity,
                session_id=self._session_id or LOCAL_SESSION,
                fleet=FleetAccess(open=self._open_fleet)
                if on_change is None
                else FleetAccess(open=self._open_fleet, on_change=on_change),
            )

    @contextmanager
    def _gateway(self) -> Iterator[OpsGateway]:
        """Yield a gateway to the user's session store that records no request."""
        self._require_open()
        defaults = CommandDefaults(
            options=self._options,
            workspace=None if self._workspace is None else str(self._workspace),
            session_id=self._session_id or LOCAL_SESSION,
        )
        tools, fleet = self._tools(NO_LISTENERS), FleetAccess(open=self._open_fleet)
        with open_gateway(tools, defaults, remembers=False, fleet=fleet) as gateway:
            yield gateway

    def _start_iteration(self, events: RunEvents) -> None:
        with self._lock:
            self._require_open()
            self._iterated.append(events)

    def _end_iteration(self, events: RunEvents) -> None:
        with self._lock:
            self._iterated.remove(events)

    def _require_open(self) -> None:
        if self._is_closed:
            raise UsageError("the client is closed", suggested_action="open another client")

    def _tools(self, listeners: RunListeners) -> Tools:
        if self._backends is None and self._agents is None:
            return replace(
                self._programs,
                listeners=listeners.progress,
                on_text=listeners.on_text,
                on_log=listeners.on_log,
            )
        used = self._programs.found.used
        return PortFactory(
            backends=self._backends or self._programs.millrace,
            agents=self._agents or self._programs.agent,
            used=ProgramsUsed(
                millrace=None if self._backends else used.millrace,
                pi=None if self._agents else used.pi,
            ),
            listeners=listeners.progress,
            on_text=listeners.on_text,
            on_log=listeners.on_log,
            logs=self._open_event_logs,
        )

    def _open_event_logs(self, root_path: str) -> EventLogs | None:
        """Return the event logs of a workspace; None: no events are stored."""
        return None if self._backends else open_event_logs(root_path)

    def _check(self, options: RunOptions) -> None:
        """Raise what opening the programs would raise, before anything is started."""
        self._programs.check(os.sep if self._workspace is None else str(self._workspace), options)


def perform_redacted(name: OperationName, request: object, context: OperationContext) -> Any:
    """Return the document of an operation without secrets."""
    request_id = request.request.request_id if isinstance(request, PreparedTask) else None
    return redacted(perform(name, request, context, request_id).result)


def refuse_blank(text: str, name: str) -> None:
    """Raise `UsageError` if an argument is blank, or not a text."""
    if not isinstance(text, str):
        raise UsageError(
            f"{name} is of type {type(text).__name__}", suggested_action=f"pass a text as `{name}`"
        )
    if not text.strip():
        raise UsageError(f"{name} is empty", suggested_action=f"pass a text as `{name}`")
