"""The table of operations: command line, library and ops gateway look up operations here.

A row names the code of an operation as "module:attribute"; the code is imported when it is used.
From the rows derive the ops actions, and the commands with their help, documents and failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

#: The run options of a submission: the route is Millrace, and pi only lists its models.
SUBMIT_OPTIONS: Final = (
    *("intake", "millrace_mode", "cwd", "provider", "model", "stage_model", "no_model_check"),
    "gitignore",
)

#: The run options without a meaning for an item that exists already.
NOT_FOR_WATCH: Final = ("route", "intake")


class OperationName(StrEnum):
    """The operations; `watch` is a run that resumes an item."""

    RUN = "run"
    STATUS = "status"
    LIST = "list"
    SHOW = "show"
    LOGS = "logs"
    TRACE = "trace"
    HISTORY = "history"
    SUBMIT = "submit"
    WATCH = "watch"
    DIFF = "diff"
    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    START = "start"
    STOP = "stop"
    MODELS = "models"
    LIST_WORKSPACES = "list_workspaces"
    REGISTER_WORKSPACE = "register_workspace"
    FORGET_WORKSPACE = "forget_workspace"
    SELECT_WORKSPACE = "select_workspace"
    LIST_SESSIONS = "list_sessions"
    INSPECT_SESSION = "inspect_session"
    FORGET_SESSION = "forget_session"
    QUEUE_STATUS = "queue_status"
    LIST_RUNS = "list_runs"
    SHOW_RUN = "show_run"
    DIAGNOSE = "diagnose"


class OpsVersion(StrEnum):
    """The versions of the ops documents; a result has the version of its request."""

    V02 = "millracer.ops.v0.2"
    V03 = "millracer.ops.v0.3"


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Report the daemon, the queue and what blocks it."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """List the items of a workspace.

    Attributes:
        states: only items in these states; all where it is empty.
        all_workspaces: also the items of every registered workspace.
    """

    states: tuple[str, ...] = ()
    all_workspaces: bool = False


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """List the attempts at the items of a workspace.

    Attributes:
        all_workspaces: also the attempts in every registered workspace.
        work_item_id: only attempts at the item with this id; None for all.
    """

    all_workspaces: bool = False
    work_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShowRequest:
    """Show one item whole.

    Attributes:
        work_item_id: the item's id, the id of its request, or a unique beginning of its id.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """Show what the agents of an item's stages said and did.

    Attributes:
        work_item_id: as for `ShowRequest`.
        stage: only stages of this name; None for all.
        raw: also the recorded files' texts.
    """

    work_item_id: str
    stage: str | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """Show Millrace's evidence about an item.

    Attributes:
        work_item_id: as for `ShowRequest`.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Put a blocked item back into the queue.

    Attributes:
        work_item_id: as for `ShowRequest`.
        reason: Millrace keeps it; None for the default.
    """

    work_item_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """Show the changes during the work on one item.

    Attributes:
        work_item_id: the item's id, or the id of its request.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Take one item out of the queue.

    Attributes:
        work_item_id: the item's id, or the id of its request.
        reason: Millrace keeps it; None for the default.
    """

    work_item_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """Start no new stage."""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """End the pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsRequest:
    """Report the models of pi and of the stages, after changes to those of the stages.

    Attributes:
        choices: texts `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an alias for all of them.
        follow_pi: give all aliases the model that pi selects.
        check_models: refuse a model that pi has no credentials for.
    """

    choices: tuple[str, ...] = ()
    follow_pi: bool = False
    check_models: bool = True


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Start a daemon that works the queue until it is stopped."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Stop the daemon.

    Attributes:
        force: also a foreign daemon, or one that another command watches.
    """

    force: bool = False


@dataclass(frozen=True, slots=True)
class ListRunsRequest:
    """List Millrace's runs in a workspace.

    Attributes:
        work_item_id: only runs with a stage for this item, named as for `ShowRequest`; None for
            all.
    """

    work_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShowRunRequest:
    """Show one run of Millrace whole.

    Attributes:
        run_id: Millrace's id of the run.
    """

    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseRequest:
    """Check whether a run would work.

    Attributes:
        with_turn: also send pi one short prompt, which calls its model.
    """

    with_turn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        request: the model of its request.
        result: the model of its result document.
        help: the first sentence of its command's help; empty: it is not a command of its own.
        command: the function of its command; empty: of the same name, in a module of that name.
        handler: called with a request and an `OperationContext`, returns an `Answer`; empty: only
            ops requests exist.
        failure: returns the result document of an error, given the error and the operation's name.
        ops_action: the name of the ops action; empty: there is none.
        ops_since: the first version of the ops documents that has the action.
        ops_handler: performs the ops action; empty: `handler` does.
        ops_request: makes the request of `handler` from the ops request; empty: it has the
            payload's fields of the same names.
        payload: the model of the ops action's `input.payload`.
        on_store: whether the ops action uses the session store alone.
        names_session: whether the ops action names a session without creating or using it.
        writes: whether it changes the workspace, the queue, the daemon or the session store.
        warms_up: whether it always calls Millrace, so that an early start of it saves time.
    """

    request: str
    result: str
    help: str = ""
    command: str = ""
    handler: str = ""
    failure: str = ""
    ops_action: str = ""
    ops_since: OpsVersion = OpsVersion.V02
    ops_handler: str = ""
    ops_request: str = ""
    payload: str = "millracer.schemas.ops.payloads:Payload"
    on_store: bool = False
    names_session: bool = False
    writes: bool
    warms_up: bool = False


_COMMANDS = "millracer.cli.commands"
_HERE = "millracer.domain.operations"
_OPERATIONS = "millracer.operations"
_SCHEMAS = "millracer.schemas"
_CONTROL = f"{_SCHEMAS}.control"
_PAYLOADS = f"{_SCHEMAS}.ops.payloads"
_TASK = f"{_OPERATIONS}.context:PreparedTask"


def _run(  # noqa: PLR0913 - the parts of a row
    name: OperationName,
    text: str,
    *,
    ops_action: str,
    ops_handler: str,
    payload: str,
    ops_since: OpsVersion = OpsVersion.V02,
) -> Operation:
    return Operation(
        request=_TASK,
        result=f"{_SCHEMAS}.run.document:RunResultDocument",
        help=text,
        command=f"{_COMMANDS}.run.command:{name}",
        handler=f"{_OPERATIONS}.task:answer_run",
        failure=f"{_OPERATIONS}.task:describe_failure",
        ops_action=ops_action,
        ops_since=ops_since,
        ops_handler=f"{_OPERATIONS}.ops.run:{ops_handler}",
        payload=f"{_PAYLOADS}:{payload}",
        writes=True,
        warms_up=True,
    )


def _read(  # noqa: PLR0913 - the parts of a row
    name: OperationName,
    text: str,
    handler: str,
    document: str,
    failure: str,
    *,
    ops_action: str,
    payload: str = "ItemPayload",
    ops_since: OpsVersion = OpsVersion.V02,
) -> Operation:
    return Operation(
        request=f"{_HERE}:{name.title()}Request",
        result=f"{_SCHEMAS}.{document}",
        help=text,
        command=f"{_COMMANDS}.items.{name}:{name}_command",
        handler=f"{_OPERATIONS}.{handler}",
        failure=f"{_SCHEMAS}.{failure}",
        ops_action=ops_action,
        ops_since=ops_since,
        payload=f"{_PAYLOADS}:{payload}",
        writes=False,
        warms_up=name not in {OperationName.LIST, OperationName.HISTORY},
    )


def _control(  # noqa: PLR0913 - the parts of a row
    name: OperationName,
    text: str,
    request: str,
    handler: str,
    *,
    warms_up: bool = True,
    ops_since: OpsVersion = OpsVersion.V03,
    payload: str = "Payload",
) -> Operation:
    return Operation(
        request=f"{_HERE}:{request}",
        result=f"{_CONTROL}:ControlResult",
        help=text,
        command=f"{_COMMANDS}.control:{name}",
        handler=f"{_OPERATIONS}.{handler}",
        failure=f"{_CONTROL}:describe_failure",
        ops_action=name,
        ops_since=ops_since,
        payload=f"{_PAYLOADS}:{payload}",
        writes=True,
        warms_up=warms_up,
    )


def _report(  # noqa: PLR0913 - the parts of a row
    name: OperationName,
    request: str,
    handler: str,
    document: str,
    failure: str,
    *,
    payload: str = "Payload",
) -> Operation:
    """Return the row of a report that no command of the same name prints."""
    return Operation(
        request=f"{_HERE}:{request}",
        result=f"{_SCHEMAS}.{document}",
        handler=f"{_OPERATIONS}.{handler}",
        failure=f"{_SCHEMAS}.{failure}",
        ops_action=name,
        ops_since=OpsVersion.V03,
        payload=f"{_PAYLOADS}:{payload}",
        writes=False,
        warms_up=True,
    )


def _on_store(
    name: OperationName,
    result: str,
    payload: str = "Payload",
    *,
    writes: bool,
    names_session: bool = False,
) -> Operation:
    return Operation(
        request=f"{_SCHEMAS}.ops.request:OpsRequest",
        result=f"{_SCHEMAS}.ops.result:{result}",
        ops_action=name,
        ops_handler=f"{_OPERATIONS}.ops.sessions:SessionActions.{name}",
        payload=f"{_PAYLOADS}:{payload}",
        on_store=True,
        names_session=names_session,
        writes=writes,
    )


_N = OperationName

OPERATIONS: Mapping[OperationName, Operation] = MappingProxyType(
    {
        _N.RUN: _run(
            _N.RUN,
            "Run one task to its end and print the answer or a JSON result.",
            ops_action="enqueue",
            ops_handler="run_task",
            payload="EnqueuePayload",
        ),
        _N.STATUS: Operation(
            request=f"{_HERE}:StatusRequest",
            result=f"{_SCHEMAS}.status:StatusResult",
            help="Show the state of a workspace.",
            command=f"{_COMMANDS}.status.command:status",
            handler=f"{_OPERATIONS}.workspace_status:answer_status",
            failure=f"{_SCHEMAS}.status:describe_failure",
            ops_action="status",
            ops_handler=f"{_OPERATIONS}.status:report_status",
            writes=False,
        ),
        _N.LIST: _read(
            _N.LIST,
            "List the work items, the last written first.",
            "items.list_items:answer_list",
            "items.listing:ListResult",
            "items.listing:describe_failure",
            ops_action="list_items",
            payload="ListItemsPayload",
        ),
        _N.HISTORY: _read(
            _N.HISTORY,
            "List the attempts at work items that were watched here.",
            "items.history:answer_history",
            "items.history:HistoryResult",
            "items.history:describe_failure",
            ops_action="history",
            payload="HistoryPayload",
            ops_since=OpsVersion.V03,
        ),
        _N.SHOW: _read(
            _N.SHOW,
            "Show everything about one work item.",
            "items.item_reports:answer_show",
            "items.item:ItemResult",
            "items.item:describe_item_failure",
            ops_action="show_work_item",
        ),
        _N.LOGS: _read(
            _N.LOGS,
            "Show what the agents of a work item's stages said and did.",
            "items.item_reports:answer_logs",
            "items.item:LogsResult",
            "items.item:describe_logs_failure",
            ops_action="logs",
            payload="LogsPayload",
        ),
        _N.TRACE: _read(
            _N.TRACE,
            "Show Millrace's evidence about one work item.",
            "items.item_reports:answer_trace",
            "items.item:TraceResult",
            "items.item:describe_trace_failure",
            ops_action="trace",
        ),
        _N.SUBMIT: Operation(
            request=_TASK,
            result=f"{_SCHEMAS}.submit:SubmitResult",
            help="Add one task to Millrace's queue and print the work item's id.",
            handler=f"{_OPERATIONS}.submit:answer_submit",
            failure=f"{_SCHEMAS}.submit:describe_failure",
            ops_action="submit",
            ops_since=OpsVersion.V03,
            ops_request=f"{_OPERATIONS}.ops.run:prepare_submission",
            payload=f"{_PAYLOADS}:EnqueuePayload",
            writes=True,
            warms_up=True,
        ),
        _N.WATCH: _run(
            _N.WATCH,
            "Follow one work item to its end and print its result.",
            ops_action="watch",
            ops_handler="watch_item",
            payload="WatchPayload",
            ops_since=OpsVersion.V03,
        ),
        _N.DIFF: Operation(
            request=f"{_HERE}:DiffRequest",
            result=f"{_SCHEMAS}.diff:DiffResult",
            help="Show what changed in the workspace during an item's work.",
            handler=f"{_OPERATIONS}.items.diff:answer_diff",
            failure=f"{_SCHEMAS}.diff:describe_failure",
            ops_action="diff",
            ops_since=OpsVersion.V03,
            payload=f"{_PAYLOADS}:ItemPayload",
            writes=False,
        ),
        _N.CANCEL: _control(
            _N.CANCEL,
            "Remove one waiting or blocked work item from Millrace's queue.",
            "CancelRequest",
            "cancel:answer_cancel",
            payload="CancelPayload",
        ),
        _N.RETRY: _control(
            _N.RETRY,
            "Put one blocked work item back into the queue.",
            "RetryRequest",
            "items.retry:answer_retry",
            ops_since=OpsVersion.V02,
            payload="RetryPayload",
        ),
        _N.PAUSE: _control(
            _N.PAUSE,
            "Pause the workspace: no new stage is started.",
            "PauseRequest",
            "control:answer_pause",
        ),
        _N.RESUME: _control(
            _N.RESUME, "End the pause of the workspace.", "ResumeRequest", "control:answer_resume"
        ),
        _N.START: _control(
            _N.START,
            "Start a daemon that works the queue until `millracer stop`.",
            "StartRequest",
            "start:answer_start",
            ops_since=OpsVersion.V02,
        ),
        _N.STOP: _control(
            _N.STOP,
            "Stop the daemon that Millracer started.",
            "StopRequest",
            "control:answer_stop",
            warms_up=False,
            payload="StopPayload",
        ),
        _N.MODELS: Operation(
            request=f"{_HERE}:ModelsRequest",
            result=f"{_SCHEMAS}.models:ModelsResult",
            help="Show or set the models of pi and the stages.",
            handler=f"{_OPERATIONS}.models:answer_models",
            failure=f"{_SCHEMAS}.models:describe_failure",
            ops_action="models",
            ops_since=OpsVersion.V03,
            payload=f"{_PAYLOADS}:ModelsPayload",
            writes=True,
            warms_up=True,
        ),
        _N.QUEUE_STATUS: _report(
            _N.QUEUE_STATUS,
            "StatusRequest",
            "workspace_status:answer_status",
            "status:StatusResult",
            "status:describe_failure",
        ),
        _N.LIST_RUNS: _report(
            _N.LIST_RUNS,
            "ListRunsRequest",
            "items.runs:answer_list_runs",
            "items.runs:RunsResult",
            "items.runs:describe_list_failure",
            payload="ListRunsPayload",
        ),
        _N.SHOW_RUN: _report(
            _N.SHOW_RUN,
            "ShowRunRequest",
            "items.runs:answer_show_run",
            "items.runs:ShownRunResult",
            "items.runs:describe_show_failure",
            payload="ShowRunPayload",
        ),
        _N.DIAGNOSE: _report(
            _N.DIAGNOSE,
            "DiagnoseRequest",
            "diagnose:answer_diagnose",
            "doctor:DoctorResult",
            "doctor:describe_failure",
            payload="DiagnosePayload",
        ),
        _N.LIST_WORKSPACES: _on_store(_N.LIST_WORKSPACES, "WorkspacesReply", writes=False),
        _N.SELECT_WORKSPACE: _on_store(
            _N.SELECT_WORKSPACE, "SessionReply", "SelectWorkspacePayload", writes=True
        ),
        _N.REGISTER_WORKSPACE: _on_store(
            _N.REGISTER_WORKSPACE, "WorkspaceReply", "RegisterWorkspacePayload", writes=True
        ),
        _N.FORGET_WORKSPACE: _on_store(
            _N.FORGET_WORKSPACE, "WorkspaceReply", "ForgetWorkspacePayload", writes=True
        ),
        _N.LIST_SESSIONS: _on_store(_N.LIST_SESSIONS, "SessionsReply", writes=False),
        _N.INSPECT_SESSION: _on_store(
            _N.INSPECT_SESSION, "SessionReply", writes=False, names_session=True
        ),
        _N.FORGET_SESSION: _on_store(
            _N.FORGET_SESSION,
            "SessionReply",
            "ForgetSessionPayload",
            writes=True,
            names_session=True,
        ),
    }
)

#: The operations with an ops action in any version of the ops documents, by the action.
ACTIONS: Mapping[str, Operation] = MappingProxyType(
    {each.ops_action: each for each in OPERATIONS.values() if each.ops_action}
)

_ACTIONS_OF: Mapping[OpsVersion, Mapping[str, Operation]] = MappingProxyType(
    {
        version: MappingProxyType(
            {name: each for name, each in ACTIONS.items() if each.ops_since <= version}
        )
        for version in OpsVersion
    }
)

_RECORDS: Final = "record_"
_RELEASES: Final = frozenset({"inspect_release", "release_inspect"})


def actions_of(version: OpsVersion) -> Mapping[str, Operation]:
    """Return the operations with an ops action in a version of the ops documents."""
    return _ACTIONS_OF[version]


def reason_for_no_action(action: str) -> str | None:
    """Return why Millracer lacks an action of the reference; None for any other action."""
    if action.startswith(_RECORDS):
        return "only Millrace's own evidence counts, and Millracer does not record any other"
    if action in _RELEASES:
        return "Millracer does not prepare releases"
    return None


def load(target: str) -> Any:
    """Import and return what "module:attribute" names; dots select members of a class."""
    module, _, names = target.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found
