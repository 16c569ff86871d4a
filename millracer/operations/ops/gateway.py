"""The ops gateway: answer every request with one result.

A table dispatches the actions; an unknown action is answered with `unsupported_action` and never
reaches a program or a model. One place adds the envelope (ids, times, session, warnings).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from millracer.cancellation import Cancellation, Cancelled
from millracer.domain.operations import (
    ACTIONS,
    Operation,
    OpsVersion,
    actions_of,
    load,
    reason_for_no_action,
)
from millracer.domain.requests import ScopedWork
from millracer.domain.workspaces import LOCAL_SESSION, Resolution, ResolutionRule
from millracer.errors import ExitCode, InvalidRequest, MillracerError, RunWarning, StoreUnavailable
from millracer.operations.answer import Answer as OperationAnswer
from millracer.operations.fleet_access import NO_FLEET, FleetAccess
from millracer.operations.ops.reply import (
    Reply,
    cancelled,
    describe_taken,
    describe_warning,
    echo_workspace,
    failed,
)
from millracer.operations.ops.sessions import SessionActions
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.operations.session.resolve_workspace import (
    NamedWorkspace,
    resolve_workspace,
    shadow_warning,
)
from millracer.ports import Clock, Directories
from millracer.schemas.base import unknown_field_warning
from millracer.schemas.lenient import IgnoredValue
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, WorkspaceRef
from millracer.schemas.ops.result import OpsResult, OpsStatus, result_model
from millracer.schemas.run.parts import ScopedWorkDocument

if TYPE_CHECKING:  # an action on the store does not need the modules for Millrace
    from millracer.operations.context import Target, Tools
    from millracer.schemas.ops.request_v03 import RequestedAuthority


_log = logging.getLogger(__name__)

_EXIT_CODES = {
    OpsStatus.SUCCEEDED: ExitCode.COMPLETED,
    OpsStatus.BLOCKED: ExitCode.COMPLETED,
    OpsStatus.INCOMPLETE: ExitCode.COMPLETED,
    OpsStatus.TIMED_OUT: ExitCode.TIMED_OUT,
    OpsStatus.FAILED: ExitCode.INTERNAL_ERROR,
}

#: The answer to an ops request.
Answer = OperationAnswer[OpsResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDefaults:
    """The command line's defaults for requests.

    Attributes:
        workspace: `--workspace`, if given.
        session_id: the session of a request that names neither a session nor its client.
    """

    options: OptionLayers
    workspace: str | None = None
    session_id: str = LOCAL_SESSION


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """The fields of a result besides its reply."""

    request_id: str | None
    action: str | None
    session_id: str
    client_name: str | None
    workspace_ref: WorkspaceRef
    version: OpsVersion = OpsVersion.V02
    authority: RequestedAuthority | None = None
    unknown: tuple[str, ...] = ()
    ignored: tuple[IgnoredValue, ...] = ()


#: An action on the session store: called with the actions, the request and the session's id.
_OnStore = Callable[[SessionActions, ReadRequest, str], Reply]


class _OnMillrace(Protocol):
    """An action on Millrace."""

    def __call__(
        self,
        read: ReadRequest,
        target: Target,
        *,
        tools: Tools,
        directories: Directories,
        cancellation: Cancellation,
    ) -> Reply:
        """Perform the action to its end.

        Raises:
            MillracerError: the action failed.
            Cancelled: the caller asked to stop.
        """
        ...


class OpsGateway:
    """Answers ops requests for one command.

    Args:
        remembers: whether requests are recorded in their session.
        fleet: the access to the fleet.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        tools: Tools,
        memory: SessionMemory,
        directories: Directories,
        clock: Clock,
        defaults: CommandDefaults,
        remembers: bool = True,
        fleet: FleetAccess = NO_FLEET,
    ) -> None:
        self._tools = tools
        self._memory = memory
        self._directories = directories
        self._clock = clock
        self._defaults = defaults
        self._remembers = remembers
        self._fleet = fleet
        self._sessions = SessionActions(
            memory=memory,
            directories=directories,
            command_workspace=defaults.workspace,
            command_mode=defaults.options.anywhere.named_mode,
        )

    def handle(self, read: ReadRequest, cancellation: Cancellation) -> Answer:
        """Perform a request to its end; a `MillracerError` becomes its result."""
        return self._answer(self._envelope(read), lambda: self._perform(read, cancellation))

    def refuse(self, read: ReadRequest, error: MillracerError) -> Answer:
        """Answer a request that is refused with its error."""

        def reply() -> Reply:
            raise error

        return self._answer(self._envelope(read), reply)

    def refuse_unreadable(self, error: InvalidOpsRequest) -> Answer:
        """Answer an invalid request; echo its fields as far as they can be read."""
        envelope = _Envelope(
            request_id=error.request_id,
            action=error.action,
            session_id=error.session_id or error.client_name or self._defaults.session_id,
            client_name=error.client_name,
            workspace_ref=WorkspaceRef(),
            version=error.version,
        )
        return self._answer(envelope, lambda: failed(error))

    def _envelope(self, read: ReadRequest) -> _Envelope:
        request = read.request
        return _Envelope(
            request_id=request.request_id,
            action=request.action,
            session_id=read.session_id or request.client_name or self._defaults.session_id,
            client_name=request.client_name,
            workspace_ref=request.workspace_ref,
            version=read.version,
            authority=_authority(read),
            unknown=read.unknown,
            ignored=read.ignored,
        )

    def _answer(self, envelope: _Envelope, perform: Callable[[], Reply]) -> Answer:
        started = self._clock.now()
        model = result_model(envelope.version)  # before a long wait, when its file may be replaced
        try:
            reply = perform()
        except Cancelled as stopped:
            reply = cancelled(stopped.reason)
        except MillracerError as error:
            if isinstance(error, StoreUnavailable):
                self._memory.give_up(error)
            reply = failed(error)
        if self._remembers:
            self._remember(envelope, reply)
        return self._enveloped(envelope, reply, started, model)

    def _perform(self, read: ReadRequest, cancellation: Cancellation) -> Reply:
        cancellation.raise_if_cancelled()
        request, action = read.request, read.action
        if action is None:
            raise _no_action(read)
        operation = actions_of(read.version)[action]
        here = "fleet" if operation.on_fleet else "local"
        runtime = request.workspace_ref.runtime_kind or here
        if runtime != here:
            raise MillracerError(
                f"{action} works on a workspace of runtime_kind `{here}`, not {runtime!r:.200}",
                code="unsupported_runtime",
                suggested_action=f"leave workspace_ref.runtime_kind out, or say `{here}`; actions "
                "on a fleet begin with `fleet_`",
            )
        session_id = self._envelope(read).session_id
        if operation.on_fleet:
            return self._on_fleet(operation, read, cancellation)
        if operation.on_store:
            handler: _OnStore = load(operation.ops_handler)
            return handler(self._sessions, read, session_id)
        if read.unusable_targets:
            raise InvalidOpsRequest(read.unusable_targets)
        session = self._memory.session(session_id)
        resolution = resolve_workspace(
            NamedWorkspace(
                workspace_id=request.workspace_ref.workspace_id,
                root_path=request.workspace_ref.root_path,
                command_workspace=self._defaults.workspace,
            ),
            session,
            self._memory,
            self._directories,
        )
        from millracer.operations.context import target_of  # noqa: PLC0415 - see above

        target = target_of(read, resolution, session, self._defaults.options)
        ignored_path = self._path_warning(read, resolution)
        reply = self._on_millrace(operation, read, target, cancellation)
        shadowed = self._shadow_warning(resolution)
        return replace(reply, warnings=(*ignored_path, *shadowed, *reply.warnings))

    def _on_fleet(
        self, operation: Operation, read: ReadRequest, cancellation: Cancellation
    ) -> Reply:
        """Perform an operation on the fleet, which needs no workspace on this machine."""
        from millracer.operations.ops.fleet_action import perform_on_fleet  # noqa: PLC0415 - see above

        try:
            return perform_on_fleet(
                operation,
                read,
                tools=self._tools,
                memory=self._memory,
                options=self._defaults.options,
                clock=self._clock,
                cancellation=cancellation,
                fleet=self._fleet,
            )
        except InvalidRequest as error:
            error.field = _path_of(error.field, read)
            raise

    def _path_warning(self, read: ReadRequest, resolution: Resolution) -> tuple[RunWarning, ...]:
        """Return the warning that a path beside a registered id was ignored."""
        path = read.request.workspace_ref.root_path
        if path is None or self._directories.absolute(path) == resolution.root_path:
            return ()
        text = (
            f"workspace_ref.root_path {path!r:.200} is not where {resolution.workspace_id} is "
            f"registered; the id was taken"
        )
        return (RunWarning("root_path_ignored", text),)

    def _shadow_warning(self, resolution: Resolution) -> tuple[RunWarning, ...]:
        """Return the warning that a directory took precedence over a registered id."""
        named = self._defaults.workspace
        if named is None or resolution.rule is not ResolutionRule.CLI_WORKSPACE:
            return ()
        return shadow_warning(named, self._memory, self._directories)

    def _on_millrace(
        self, operation: Operation, read: ReadRequest, target: Target, cancellation: Cancellation
    ) -> Reply:
        try:
            if not operation.ops_handler:
                return self._perform_typed(operation, read, target, cancellation)
            handler: _OnMillrace = load(operation.ops_handler)
            return handler(
                read,
                target,
                tools=self._tools,
                directories=self._directories,
                cancellation=cancellation,
            )
        except Cancelled as stopped:
            reply = cancelled(stopped.reason)
        except MillracerError as error:
            if isinstance(error, InvalidRequest):
                error.field = _path_of(error.field, read)
            reply = failed(error, resolution=target.resolution)
        taken = describe_taken(read.request.workspace_ref, target.resolution, target.mode)
        return replace(reply, workspace_ref=taken)

    def _perform_typed(
        self, operation: Operation, read: ReadRequest, target: Target, cancellation: Cancellation
    ) -> Reply:
        """Perform an operation by its own handler, with the request that the payload describes."""
        from millracer.operations.ops.typed_action import perform_typed  # noqa: PLC0415 - see above

        return perform_typed(
            operation,
            read,
            target,
            tools=self._tools,
            memory=self._memory,
            options=self._defaults.options,
            directories=self._directories,
            clock=self._clock,
            cancellation=cancellation,
            session_id=self._envelope(read).session_id,
        )

    def _remember(self, envelope: _Envelope, reply: Reply) -> None:
        operation = ACTIONS.get(envelope.action or "")
        if (
            operation is not None
            and operation.names_session
            and self._memory.session(envelope.session_id) is None
        ):
            return  # inspecting or forgetting a session must not create it
        codes = [each.code for each in _authority_warning(envelope.authority)]
        codes += ["unknown_field"] * bool(envelope.unknown)
        codes += [value.warning.code for value in envelope.ignored]
        codes += [warning.code for warning in (*reply.warnings, *self._memory.warnings)]
        self._memory.record(
            envelope.session_id,
            client_name=envelope.client_name,
            request_id=envelope.request_id,
            warnings=tuple(dict.fromkeys(codes)),
        )

    def _enveloped(
        self, envelope: _Envelope, reply: Reply, started: datetime, model: type[OpsResult]
    ) -> Answer:
        _log.info("%s %s: %s", envelope.action, envelope.request_id, reply.status)
        scope = reply.scope
        result = model(
            request_id=envelope.request_id,
            status=reply.status,
            action=envelope.action,
            workspace_ref=reply.workspace_ref or echo_workspace(envelope.workspace_ref),
            started_at=started,
            finished_at=self._clock.now(),
            warnings=[
                *(
                    describe_warning(unknown_field_warning(path), field=path)
                    for path in envelope.unknown
                ),
                *(describe_warning(value.warning, field=value.field) for value in envelope.ignored),
                *(
                    describe_warning(warning, field="requested_authority")
                    for warning in _authority_warning(envelope.authority)
                ),
                *(describe_warning(warning) for warning in reply.warnings),
                *(describe_warning(warning) for warning in self._memory.warnings),
            ],
            errors=list(reply.errors),
            result=reply.result,
            completion=reply.completion,
            route=reply.route,
            intake_kind=reply.intake_kind,
            scoped_work_item=scope and ScopedWorkDocument.of(scope),
            evidence_refs=list(reply.evidence_refs),
            result_freshness=reply.freshness,
            session_ref=envelope.session_id,
            raw_compat=reply.raw_compat,
            **_of_v03(envelope, scope),
        )
        code = reply.exit_code
        return Answer(result=result, exit_code=_EXIT_CODES[reply.status] if code is None else code)


def _no_action(read: ReadRequest) -> MillracerError:
    """Return the error for an action that the version of the request lacks."""
    action = read.request.action
    reason = reason_for_no_action(action) if read.version is not OpsVersion.V02 else None
    return MillracerError(
        f"there is no action {action!r:.200}" + (f": {reason}" if reason else ""),
        code="unsupported_action",
        suggested_action=f"use one of {', '.join(actions_of(read.version))}",
    )


def _path_of(field: str | None, read: ReadRequest) -> str | None:
    """Return the path in the request of a field that an operation refused."""
    if field == "cwd" and read.request.options is not None:
        return "options.cwd"
    if read.version is not OpsVersion.V02 and field in type(read.payload).model_fields:
        return f"{read.payload_path}{field}"
    return field


def _authority(read: ReadRequest) -> RequestedAuthority | None:
    if read.version is OpsVersion.V02:
        return None
    from millracer.schemas.ops.request_v03 import authority_of  # noqa: PLC0415 - slow to load

    return authority_of(read.request)


def _authority_warning(authority: RequestedAuthority | None) -> tuple[RunWarning, ...]:
    if authority is None:
        return ()
    text = "Millracer does not check the requested authority; it neither grants nor denies anything"
    return (RunWarning("authority_not_enforced", text),)


def _of_v03(envelope: _Envelope, scope: ScopedWork | None) -> dict[str, Any]:
    """Return the fields that a result of version v0.3 has in addition."""
    if envelope.version is OpsVersion.V02:
        return {}
    from millracer.schemas.ops.result_v03 import AuthorityDocument  # noqa: PLC0415 - slow to load

    authority = envelope.authority
    return {
        "work_item_ref": scope and ScopedWorkDocument.of(scope),
        "requested_authority": authority
        and AuthorityDocument.of(authority, scopes=list(authority.scopes or ())),
    }
