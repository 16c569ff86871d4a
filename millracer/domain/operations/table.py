"""The table of operations: command line, library and ops gateway look up operations here.

A row names the code of an operation as "module:attribute"; the code is imported when it is used.
From the rows derive the ops actions, and the commands with their help, documents and failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from millracer.domain.operations.names import OperationName, OpsVersion
from millracer.domain.operations.row import Operation

#: The run options of a submission: the route is Millrace, and pi only lists its models.
SUBMIT_OPTIONS: Final = (
    *("intake", "millrace_mode", "cwd", "provider", "model", "stage_model", "no_model_check"),
    "gitignore",
)

#: The run options about checks.
CHECK_OPTIONS: Final = ("checks", "check_in", "check_timeout_seconds")
#: The run options of a fleet's task: those of the delegated work, without paths on the client's
#: machine and without how a process of the client works.
FLEET_OPTIONS: Final = (
    *("intake", "millrace_mode", "provider", "model", "thinking", "stage_model", "no_model_check"),
    *("gitignore", *CHECK_OPTIONS, "daemon_timeout_seconds"),
    *("max_daemon_restarts", "max_tokens", "max_stages", "pi_timeout_seconds", "finalizer"),
)

#: The run options without a meaning for an item that exists already.
NOT_FOR_WATCH: Final = ("route", "intake")


_COMMANDS = "millracer.cli.commands"
_REQUESTS = "millracer.domain.operations.requests"
_OPERATIONS = "millracer.operations"
_SCHEMAS = "millracer.schemas"
_CONTROL = f"{_SCHEMAS}.control"
_PAYLOADS = f"{_SCHEMAS}.ops"
_CERTIFICATE = f"{_SCHEMAS}.certificate.results"
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
        payload=f"{_PAYLOADS}.{payload}",
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
    payload: str = "item_payloads:ItemPayload",
    ops_since: OpsVersion = OpsVersion.V02,
) -> Operation:
    return Operation(
        request=f"{_REQUESTS}:{name.title()}Request",
        result=f"{_SCHEMAS}.{document}",
        help=text,
        command=f"{_COMMANDS}.items.{name}:{name}_command",
        handler=f"{_OPERATIONS}.{handler}",
        failure=f"{_SCHEMAS}.{failure}",
        ops_action=ops_action,
        ops_since=ops_since,
        payload=f"{_PAYLOADS}.{payload}",
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
    payload: str = "payloads:Payload",
) -> Operation:
    return Operation(
        request=f"{_REQUESTS}:{request}",
        result=f"{_CONTROL}:ControlResult",
        help=text,
        command=f"{_COMMANDS}.control:{name}",
        handler=f"{_OPERATIONS}.{handler}",
        failure=f"{_CONTROL}:describe_failure",
        ops_action=name,
        ops_since=ops_since,
        payload=f"{_PAYLOADS}.{payload}",
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
    payload: str = "payloads:Payload",
) -> Operation:
    """Return the row of a report that no command of the same name prints."""
    return Operation(
        request=f"{_REQUESTS}:{request}",
        result=f"{_SCHEMAS}.{document}",
        handler=f"{_OPERATIONS}.{handler}",
        failure=f"{_SCHEMAS}.{failure}",
        ops_action=name,
        ops_since=OpsVersion.V03,
        payload=f"{_PAYLOADS}.{payload}",
        writes=False,
        warms_up=True,
    )


def _on_store(
    name: OperationName,
    result: str,
    payload: str = "payloads:Payload",
    *,
    writes: bool,
    names_session: bool = False,
) -> Operation:
    return Operation(
        request=f"{_SCHEMAS}.ops.request:OpsRequest",
        result=f"{_SCHEMAS}.ops.result:{result}",
        ops_action=name,
        ops_handler=f"{_OPERATIONS}.ops.sessions:SessionActions.{name}",
        payload=f"{_PAYLOADS}.{payload}",
        on_store=True,
        names_session=names_session,
        writes=writes,
    )


def _fleet(  # noqa: PLR0913 - the parts of a row
    name: OperationName,
    text: str,
    request: str,
    handler: str,
    result: str,
    *,
    command: str = "",
    words: tuple[str, ...] = (),
    ops_request: str = "",
    writes: bool,
) -> Operation:
    document, _, _ = result.partition(":")
    payload = f"{name.title().replace('_', '')}Payload"
    return Operation(
        request=f"millracer.domain.operations.fleet_requests:{request}",
        result=f"{_SCHEMAS}.fleet.{result}",
        help=text,
        command=command and f"{_COMMANDS}.fleet.{command}",
        words=words and ("fleet", *words),
        handler=f"{_OPERATIONS}.fleet.{handler}",
        failure=f"{_SCHEMAS}.fleet.{document}:describe_failure",
        ops_action=name,
        ops_since=OpsVersion.V03,
        ops_request=ops_request,
        payload=f"{_PAYLOADS}.fleet_payloads:{payload}",
        on_fleet=True,
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
            payload="payloads:EnqueuePayload",
        ),
        _N.STATUS: Operation(
            request=f"{_REQUESTS}:StatusRequest",
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
            payload="item_payloads:ListItemsPayload",
        ),
        _N.HISTORY: _read(
            _N.HISTORY,
            "List the attempts at work items that were watched here.",
            "items.history:answer_history",
            "items.history:HistoryResult",
            "items.history:describe_failure",
            ops_action="history",
            payload="item_payloads:HistoryPayload",
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
            payload="item_payloads:LogsPayload",
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
            payload=f"{_PAYLOADS}.payloads:EnqueuePayload",
            writes=True,
            warms_up=True,
        ),
        _N.WATCH: _run(
            _N.WATCH,
            "Follow one work item to its end and print its result.",
            ops_action="watch",
            ops_handler="watch_item",
            payload="item_payloads:WatchPayload",
            ops_since=OpsVersion.V03,
        ),
        _N.WATCH_ALL: Operation(
            request=f"{_OPERATIONS}.watch_all:WatchAllRequest",
            result=f"{_SCHEMAS}.items.watch_all:WatchAllResult",
            command=f"{_COMMANDS}.run.command:watch",
            handler=f"{_OPERATIONS}.watch_all:answer_watch_all",
            failure=f"{_SCHEMAS}.items.watch_all:describe_failure",
            writes=True,
            warms_up=True,
        ),
        _N.DIFF: Operation(
            request=f"{_REQUESTS}:DiffRequest",
            result=f"{_SCHEMAS}.diff:DiffResult",
            help="Show what changed in the workspace during an item's work.",
            handler=f"{_OPERATIONS}.items.diff:answer_diff",
            failure=f"{_SCHEMAS}.diff:describe_failure",
            ops_action="diff",
            ops_since=OpsVersion.V03,
            payload=f"{_PAYLOADS}.item_payloads:ItemPayload",
            writes=False,
        ),
        _N.CERTIFY: Operation(
            request=f"{_REQUESTS}:CertifyRequest",
            result=f"{_CERTIFICATE}:CertifyResult",
            help="Make a signed certificate of one completed work item.",
            handler=f"{_OPERATIONS}.certificates.make:answer_certify",
            failure=f"{_CERTIFICATE}:describe_certify_failure",
            ops_action="certify",
            ops_since=OpsVersion.V03,
            ops_request=f"{_OPERATIONS}.certificates.make:read_ops_request",
            payload=f"{_PAYLOADS}.item_payloads:ItemPayload",
            writes=True,
            warms_up=True,
        ),
        _N.VERIFY: Operation(
            request=f"{_REQUESTS}:VerifyRequest",
            result=f"{_CERTIFICATE}:VerifyResult",
            command=f"{_COMMANDS}.verify:verify",
            handler=f"{_OPERATIONS}.certificates.verify:answer_verify",
            failure=f"{_CERTIFICATE}:describe_verify_failure",
            writes=False,
        ),
        _N.CANCEL: _control(
            _N.CANCEL,
            "Remove one waiting or blocked work item from Millrace's queue.",
            "CancelRequest",
            "cancel:answer_cancel",
            payload="item_payloads:CancelPayload",
        ),
        _N.RETRY: _control(
            _N.RETRY,
            "Put one blocked work item back into the queue.",
            "RetryRequest",
            "items.retry:answer_retry",
            ops_since=OpsVersion.V02,
            payload="item_payloads:RetryPayload",
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
            payload="item_payloads:StopPayload",
        ),
        _N.MODELS: Operation(
            request=f"{_REQUESTS}:ModelsRequest",
            result=f"{_SCHEMAS}.models:ModelsResult",
            help="Show or set the models of pi and the stages.",
            handler=f"{_OPERATIONS}.models:answer_models",
            failure=f"{_SCHEMAS}.models:describe_failure",
            ops_action="models",
            ops_since=OpsVersion.V03,
            payload=f"{_PAYLOADS}.item_payloads:ModelsPayload",
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
            payload="item_payloads:ListRunsPayload",
        ),
        _N.SHOW_RUN: _report(
            _N.SHOW_RUN,
            "ShowRunRequest",
            "items.runs:answer_show_run",
            "items.runs:ShownRunResult",
            "items.runs:describe_show_failure",
            payload="item_payloads:ShowRunPayload",
        ),
        _N.DIAGNOSE: _report(
            _N.DIAGNOSE,
            "DiagnoseRequest",
            "diagnose:answer_diagnose",
            "doctor:DoctorResult",
            "doctor:describe_failure",
            payload="item_payloads:DiagnosePayload",
        ),
        _N.FLEET_SUBMIT: _fleet(
            _N.FLEET_SUBMIT,
            "Add one task to the fleet's queue and print its id.",
            "FleetSubmitRequest",
            "submit:answer_submit",
            "submit:FleetSubmitResult",
            command="submit:submit",
            words=("submit",),
            ops_request=f"{_OPERATIONS}.ops.fleet_task:prepare_submission",
            writes=True,
        ),
        _N.FLEET_LIST: _fleet(
            _N.FLEET_LIST,
            "List the items of the fleet, and why each has not started.",
            "FleetListRequest",
            "listing:answer_list",
            "items:FleetListResult",
            command="ps:ps",
            words=("ps",),
            writes=False,
        ),
        _N.FLEET_SHOW: _fleet(
            _N.FLEET_SHOW,
            "Show everything about one item of the fleet.",
            "FleetShowRequest",
            "items:answer_show",
            "item:FleetItemResult",
            command="show:show",
            words=("show",),
            writes=False,
        ),
        _N.FLEET_WAIT: _fleet(
            _N.FLEET_WAIT,
            "Wait until items of the fleet have ended.",
            "FleetWaitRequest",
            "items:answer_wait",
            "wait:FleetWaitResult",
            command="wait:wait",
            words=("wait",),
            writes=False,
        ),
        _N.FLEET_CANCEL: _fleet(
            _N.FLEET_CANCEL,
            "Cancel one item of the fleet.",
            "FleetCancelRequest",
            "control:answer_cancel",
            "control:FleetControlResult",
            command="control:cancel",
            words=("cancel",),
            writes=True,
        ),
        _N.FLEET_RETRY: _fleet(
            _N.FLEET_RETRY,
            "Dispatch one item of the fleet again that was set aside.",
            "FleetRetryRequest",
            "control:answer_retry",
            "control:FleetControlResult",
            command="control:retry",
            words=("retry",),
            writes=True,
        ),
        _N.FLEET_HOSTS: _fleet(
            _N.FLEET_HOSTS,
            "List the hosts of the fleet.",
            "FleetHostsRequest",
            "places:answer_hosts",
            "hosts:FleetHostsResult",
            command="places:hosts",
            words=("hosts",),
            writes=False,
        ),
        _N.FLEET_DRAIN: _fleet(
            _N.FLEET_DRAIN,
            "Let a host of the fleet start nothing new.",
            "FleetDrainRequest",
            "control:answer_drain",
            "control:FleetControlResult",
            command="control:drain",
            words=("drain",),
            writes=True,
        ),
        _N.FLEET_WORKSPACES: _fleet(
            _N.FLEET_WORKSPACES,
            "List the workspaces of the fleet.",
            "FleetWorkspacesRequest",
            "places:answer_workspaces",
            "workspaces:FleetWorkspacesResult",
            command="places:workspaces",
            words=("workspaces", "list"),
            writes=False,
        ),
        _N.FLEET_FORGET: _fleet(
            _N.FLEET_FORGET,
            "Remove a workspace without open items from the fleet.",
            "FleetForgetRequest",
            "control:answer_forget",
            "control:FleetControlResult",
            command="control:forget",
            words=("workspaces", "forget"),
            writes=True,
        ),
        _N.FLEET_PAUSE: _fleet(
            _N.FLEET_PAUSE,
            "Start no item in a workspace of the fleet.",
            "FleetPauseRequest",
            "control:answer_pause",
            "control:FleetControlResult",
            command="control:pause",
            words=("pause",),
            writes=True,
        ),
        _N.FLEET_RESUME: _fleet(
            _N.FLEET_RESUME,
            "End the pause of a workspace of the fleet.",
            "FleetResumeRequest",
            "control:answer_resume",
            "control:FleetControlResult",
            command="control:resume",
            words=("resume",),
            writes=True,
        ),
        _N.FLEET_SCHEDULES: _fleet(
            _N.FLEET_SCHEDULES,
            "",
            "FleetSchedulesRequest",
            "schedules:answer_schedules",
            "schedules:FleetSchedulesResult",
            ops_request=f"{_OPERATIONS}.ops.fleet_task:prepare_schedules",
            writes=True,
        ),
        _N.FLEET_PRUNE: _fleet(
            _N.FLEET_PRUNE,
            "Delete old items of the fleet that have ended.",
            "FleetPruneRequest",
            "control:answer_prune",
            "control:FleetControlResult",
            command="control:prune",
            words=("prune",),
            writes=True,
        ),
        _N.LIST_WORKSPACES: _on_store(_N.LIST_WORKSPACES, "WorkspacesReply", writes=False),
        _N.SELECT_WORKSPACE: _on_store(
            _N.SELECT_WORKSPACE,
            "SessionReply",
            "store_payloads:SelectWorkspacePayload",
            writes=True,
        ),
        _N.REGISTER_WORKSPACE: _on_store(
            _N.REGISTER_WORKSPACE,
            "WorkspaceReply",
            "store_payloads:RegisterWorkspacePayload",
            writes=True,
        ),
        _N.FORGET_WORKSPACE: _on_store(
            _N.FORGET_WORKSPACE,
            "WorkspaceReply",
            "store_payloads:ForgetWorkspacePayload",
            writes=True,
        ),
        _N.LIST_SESSIONS: _on_store(_N.LIST_SESSIONS, "SessionsReply", writes=False),
        _N.INSPECT_SESSION: _on_store(
            _N.INSPECT_SESSION, "SessionReply", writes=False, names_session=True
        ),
        _N.FORGET_SESSION: _on_store(
            _N.FORGET_SESSION,
            "SessionReply",
            "store_payloads:ForgetSessionPayload",
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
