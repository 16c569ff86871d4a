"""`millracer workspaces` and `millracer sessions`: ops actions as commands.

Each command is one ops request; `--json` prints its result as `millracer ops --json` would.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from millracer.cli.commands.ops.request import open_gateway, perform
from millracer.cli.options import completion as shell_completion
from millracer.cli.options import shared as options
from millracer.cli.options.common import CommonOptions, common_options
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stderr import say_errors, say_warnings
from millracer.cli.terminal.stdout import print_shown, print_text
from millracer.cli.terminal.tables import in_line, table
from millracer.domain.failures import exit_code_of_error
from millracer.domain.operations import OperationName
from millracer.errors import StoreUnavailable
from millracer.operations.ops.gateway import Answer
from millracer.operations.ops.store_requests import answer_store_request
from millracer.schemas.base import render
from millracer.schemas.ops.result import (
    OpsResult,
    SessionDocument,
    SessionReply,
    SessionsReply,
    WorkspaceDocument,
    WorkspaceReply,
    WorkspacesReply,
)

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")


_WorkspaceId = Annotated[
    str,
    typer.Argument(
        help="Workspace id.", show_default=False, autocompletion=shell_completion.workspaces
    ),
]
_SessionName = Annotated[
    str,
    typer.Argument(
        help="Session id.", show_default=False, autocompletion=shell_completion.sessions
    ),
]


@with_output
def list_workspaces(*, workspace: options.Workspace = None, as_json: bool = False) -> None:
    """List the registered workspaces; `*` marks the default."""
    _do(
        common_options(values={"workspace": workspace}),
        OperationName.LIST_WORKSPACES,
        {},
        as_json=as_json,
    )


@with_output
def add_workspace(  # noqa: PLR0913 - one parameter per option
    path: Annotated[Path, typer.Argument(help="The directory.")] = Path(),
    *,
    workspace_id: Annotated[
        str | None,
        typer.Option("--id", help="Id of the workspace.  [default: the directory's name]"),
    ] = None,
    display_name: Annotated[str | None, typer.Option("--name", help="Display name.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="Default Millrace mode of the workspace.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Tag; repeatable.")] = None,
    as_json: bool = False,
) -> None:
    """Register a directory under an id; an existing id is replaced."""
    named = workspace_id or _NOT_IN_IDS.sub("-", path.expanduser().resolve().name).strip("-._")
    if not named:
        raise typer.BadParameter(f"cannot derive an id from {path}; pass --id")
    payload = {
        "workspace_id": named,
        "root_path": str(path),
        "display_name": display_name,
        "default_mode": mode,
        "tags": list(tag or ()),
    }
    _do(common_options(), OperationName.REGISTER_WORKSPACE, payload, as_json=as_json)


@with_output
def remove_workspace(workspace_id: _WorkspaceId, *, as_json: bool = False) -> None:
    """Unregister a workspace; its directory is not changed."""
    payload = {"workspace_id": workspace_id}
    _do(common_options(), OperationName.FORGET_WORKSPACE, payload, as_json=as_json)


@with_output
def select_workspace(
    selected: Annotated[
        str,
        typer.Argument(
            metavar="ID|PATH",
            help="Workspace id, or a path that contains a slash.",
            autocompletion=shell_completion.workspaces,
        ),
    ],
    *,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="Millrace mode.  [default: the workspace's]"),
    ] = None,
    session_id: options.SessionId = None,
    as_json: bool = False,
) -> None:
    """Select a session's default workspace and mode."""
    is_path = "/" in selected or selected in {".", "..", "~"}
    payload = {"root_path" if is_path else "workspace_id": selected, "mode": mode}
    common = common_options(values={"session_id": session_id})
    _do(common, OperationName.SELECT_WORKSPACE, payload, as_json=as_json)


@with_output
def list_sessions(*, as_json: bool = False) -> None:
    """List all sessions."""
    _do(common_options(), OperationName.LIST_SESSIONS, {}, as_json=as_json)


@with_output
def show_session(session_id: _SessionName, *, as_json: bool = False) -> None:
    """Show one session."""
    payload = {"session_id": session_id}
    _do(common_options(), OperationName.INSPECT_SESSION, payload, as_json=as_json)


@with_output
def forget_session(session_id: _SessionName, *, as_json: bool = False) -> None:
    """Delete one session."""
    payload = {"session_id": session_id}
    _do(common_options(), OperationName.FORGET_SESSION, payload, as_json=as_json)


def _do(
    common: CommonOptions, action: OperationName, payload: Mapping[str, object], *, as_json: bool
) -> NoReturn:
    with open_gateway(common, remembers=False) as gateway:
        answer = answer_store_request(
            gateway, action, payload, source="cli", handle=partial(perform, gateway)
        )
    raise typer.Exit(_report(answer, action, as_json=as_json))


def _report(answer: Answer, action: OperationName, *, as_json: bool) -> int:
    result = answer.result
    say_warnings(f"{warning.code}: {warning.message}" for warning in result.warnings)
    say_errors(result.errors)
    if as_json:
        print_text(render(result))
    elif not result.errors:
        print_shown("\n".join(_lines(result, action)))
    if any(error.code == StoreUnavailable.code for error in result.errors):
        return exit_code_of_error(StoreUnavailable.code)  # ops has exit codes of its own
    return answer.exit_code


def _lines(result: OpsResult, action: OperationName) -> list[str]:
    match result.result:
        case WorkspacesReply(workspaces=workspaces):
            return table(
                ("", "ID", "PATH", "MODE", "TAGS"),
                map(_workspace_row, workspaces),
                shrinks=("TAGS", "PATH"),
            )
        case WorkspaceReply(workspace=workspace):
            done = "forgot" if action is OperationName.FORGET_WORKSPACE else "registered"
            return [f"{done} {workspace.workspace_id}: {workspace.root_path}"]
        case SessionsReply(sessions=[]):
            return ["no sessions yet"]
        case SessionsReply(sessions=sessions):
            return table(
                ("SESSION", "WORKSPACE", "MODE", "LAST USED"),
                map(_session_row, sessions),
                shrinks=("WORKSPACE", "SESSION"),
            )
        case SessionReply(session=SessionDocument() as session):
            return _session_reply(session, action)
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


def _session_reply(session: SessionDocument, action: OperationName) -> list[str]:
    match action:
        case OperationName.FORGET_SESSION:
            return [f"forgot session {session.session_id}"]
        case OperationName.SELECT_WORKSPACE:
            return [_selected(session)]
        case _:
            return _session_lines(session)


def _selected(session: SessionDocument) -> str:
    path = session.selected_root_path
    named = session.selected_workspace_id
    where = f"{named} ({path})" if named else f"{path}"
    mode = session.selected_mode
    rest = "" if mode is None else f" in mode {mode}"
    return f"session {session.session_id} uses workspace {where}{rest}"


def _session_lines(session: SessionDocument) -> list[str]:
    rows = {
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
        *(f"{name:<11}{in_line(value)}" for name, value in rows.items()),
        *(
            f"{'' if at else 'requests':<11}{in_line(request)}"
            for at, request in enumerate(requests)
        ),
    ]
