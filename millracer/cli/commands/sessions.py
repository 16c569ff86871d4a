"""`millracer workspaces` and `millracer sessions`: the ops actions on sessions, for people.

Each command is one ops request; `--json` prints its result as `millracer ops --json` would.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from millracer.cli.commands.ops import open_gateway, perform
from millracer.cli.option_groups import CommonOptions
from millracer.cli.terminal.stderr import printable, say
from millracer.cli.terminal.stdout import print_text
from millracer.cli.terminal.tables import in_line, table
from millracer.errors import MillracerError
from millracer.operations.gateway import Answer
from millracer.schemas.ops_payloads import Action
from millracer.schemas.ops_request import (
    SCHEMA_VERSION,
    InvalidOpsRequest,
    OpsInput,
    OpsRequest,
    ReadRequest,
    SourceRef,
    WorkspaceRef,
    read_request,
)
from millracer.schemas.ops_result import (
    OpsResult,
    SessionDocument,
    SessionReply,
    SessionsReply,
    WorkspaceDocument,
    WorkspaceReply,
    WorkspacesReply,
    render_ops_result,
)

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")


def list_workspaces(common: CommonOptions, *, as_json: bool) -> int:
    """Show the registered workspaces and the command's own."""
    return _do(common, Action.LIST_WORKSPACES, {}, as_json=as_json)


def add_workspace(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    path: Path,
    *,
    workspace_id: str | None,
    display_name: str | None,
    mode: str | None,
    tags: Sequence[str],
    is_default: bool,
    as_json: bool,
) -> int:
    """Register a directory; without an id it is called as the directory is.

    Raises:
        typer.BadParameter: there is no id, and the directory's name gives none.
    """
    named = workspace_id or _NOT_IN_IDS.sub("-", path.expanduser().resolve().name).strip("-._")
    if not named:
        raise typer.BadParameter(f"{path} gives no id of letters and digits; pass --id")
    payload = {
        "workspace_id": named,
        "root_path": str(path),
        "display_name": display_name,
        "default_mode": mode,
        "tags": list(tags),
        "is_default": is_default,
    }
    return _do(common, Action.REGISTER_WORKSPACE, payload, as_json=as_json)


def remove_workspace(common: CommonOptions, workspace_id: str, *, as_json: bool) -> int:
    """Forget a registered workspace; the directory is left as it is."""
    payload = {"workspace_id": workspace_id}
    return _do(common, Action.FORGET_WORKSPACE, payload, as_json=as_json)


def select_workspace(
    common: CommonOptions, workspace: str, *, mode: str | None, as_json: bool
) -> int:
    """Select a workspace for a session, by its id or, with a slash or dot, by its path."""
    field = "root_path" if "/" in workspace or workspace in {".", "..", "~"} else "workspace_id"
    payload = {field: workspace, "mode": mode}
    return _do(common, Action.SELECT_WORKSPACE, payload, as_json=as_json)


def list_sessions(common: CommonOptions, *, as_json: bool) -> int:
    """Show every session."""
    return _do(common, Action.LIST_SESSIONS, {}, as_json=as_json)


def show_session(common: CommonOptions, session_id: str, *, as_json: bool) -> int:
    """Show one session; one that does not exist is an error."""
    payload = {"session_id": session_id}
    return _do(common, Action.INSPECT_SESSION, payload, as_json=as_json)


def forget_session(common: CommonOptions, session_id: str, *, as_json: bool) -> int:
    """Forget one session; one that does not exist is an error."""
    payload = {"session_id": session_id}
    return _do(common, Action.FORGET_SESSION, payload, as_json=as_json)


def _do(
    common: CommonOptions, action: Action, payload: Mapping[str, object], *, as_json: bool
) -> int:
    request = OpsRequest(
        schema_version=SCHEMA_VERSION,
        request_id=f"cli-{uuid.uuid4().hex}",
        action=action,
        workspace_ref=WorkspaceRef(),
        source=SourceRef(kind="cli"),
        input=OpsInput(payload=dict(payload)),
    )
    with open_gateway(common, remembers=False) as gateway:
        try:
            read = read_request(request)
        except InvalidOpsRequest as error:
            answer = gateway.refuse_unreadable(error)
        else:
            answer = perform(gateway, read)
            if answer.result.result == SessionReply(session=None):
                answer = gateway.refuse(read, _no_such_session(read))
    return _report(answer, action, as_json=as_json)


def _no_such_session(read: ReadRequest) -> MillracerError:
    return MillracerError(
        f"there is no session {read.session_id!r}",
        code="session_unknown",
        suggested_action="see `millracer sessions list`",
    )


def _report(answer: Answer, action: Action, *, as_json: bool) -> int:
    result = answer.result
    for warning in result.warnings:
        say(f"warning: {warning.code}: {warning.message}")
    for error in result.errors:
        say(f"error: {error.message}")
        if error.suggested_action:
            say(f"  next: {error.suggested_action}")
    if as_json:
        print_text(render_ops_result(result))
    elif not result.errors:
        print_text(printable("\n".join(_lines(result, action))))
    return answer.exit_code


def _lines(result: OpsResult, action: Action) -> list[str]:
    match result.result:
        case WorkspacesReply(workspaces=workspaces):
            return table(("", "ID", "PATH", "MODE", "TAGS"), map(_workspace_row, workspaces))
        case WorkspaceReply(workspace=workspace):
            done = "forgot" if action is Action.FORGET_WORKSPACE else "registered"
            return [f"{done} {workspace.workspace_id}: {workspace.root_path}"]
        case SessionsReply(sessions=[]):
            return ["no sessions yet"]
        case SessionsReply(sessions=sessions):
            return table(("SESSION", "WORKSPACE", "MODE", "LAST USED"), map(_session_row, sessions))
        case SessionReply(session=SessionDocument() as session):
            forgotten = [f"forgot session {session.session_id}"]
            return forgotten if action is Action.FORGET_SESSION else _session_lines(session)
        case _:
            return []


def _workspace_row(workspace: WorkspaceDocument) -> tuple[str, ...]:
    return (
        "*" if workspace.is_default else "",
        workspace.workspace_id,
        workspace.root_path,
        workspace.default_mode or "-",
        ", ".join(workspace.tags) or "-",
    )


def _session_row(session: SessionDocument) -> tuple[str, ...]:
    return (
        session.session_id,
        session.selected_workspace_id or session.selected_root_path or "-",
        session.selected_mode or "-",
        f"{session.updated_at:%Y-%m-%d %H:%M:%S}Z",
    )


def _session_lines(session: SessionDocument) -> list[str]:
    said = {
        "session": session.session_id,
        "client": session.client_name,
        "workspace": session.selected_workspace_id or "-",
        "path": session.selected_root_path or "-",
        "mode": session.selected_mode or "-",
        "last used": f"{session.updated_at:%Y-%m-%d %H:%M:%S}Z",
        "warnings": ", ".join(session.last_warning_codes) or "-",
    }
    requests = list(reversed(session.recent_request_ids)) or ["-"]
    return [
        *(f"{name:<11}{in_line(value)}" for name, value in said.items()),
        *(
            f"{'' if at else 'requests':<11}{in_line(request)}"
            for at, request in enumerate(requests)
        ),
    ]
