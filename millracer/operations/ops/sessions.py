"""The ops actions on the session store: registered workspaces and sessions' selections.

An action imports its own payload only, as a payload takes time to build.
"""

from __future__ import annotations

from dataclasses import replace

from millracer.domain.work.modes import DEFAULT_MODE
from millracer.domain.workspaces import DEFAULT_WORKSPACE, RegisteredWorkspace, Selection, Session
from millracer.errors import InvalidRequest, MillracerError, RunWarning, WorkspaceUnresolved
from millracer.operations.ops.reply import Reply, describe_session, describe_workspace
from millracer.operations.session.memory import SessionMemory
from millracer.operations.session.resolve_workspace import command_workspace
from millracer.ports import Directories
from millracer.schemas.ops.request import ReadRequest
from millracer.schemas.ops.result import (
    SessionReply,
    SessionsReply,
    WorkspaceReply,
    WorkspacesReply,
)


class SessionActions:
    """Reads and writes the session store for one command.

    Args:
        command_workspace: `--workspace`, if given.
        command_mode: `--millrace-mode`, if given.
    """

    def __init__(
        self,
        *,
        memory: SessionMemory,
        directories: Directories,
        command_workspace: str | None,
        command_mode: str | None,
    ) -> None:
        self._memory = memory
        self._directories = directories
        self._command_workspace = command_workspace
        self._command_mode = command_mode

    def list_workspaces(self, read: ReadRequest, session_id: str) -> Reply:
        """List the command's own workspace and every registered one, by id."""
        del read, session_id
        registered = self._memory.store.list_workspaces()
        listed = list(registered)
        try:
            own = self._own_workspace()
        except MillracerError:
            pass  # a command whose directory is gone has none
        else:
            chosen = any(workspace.is_default for workspace in registered)
            listed.append(replace(own, is_default=not chosen))
        listed.sort(key=lambda workspace: workspace.workspace_id)
        return Reply(
            result=WorkspacesReply(workspaces=[describe_workspace(entry) for entry in listed])
        )

    def register_workspace(self, read: ReadRequest, session_id: str) -> Reply:
        """Register a directory under an id; the same id again replaces it."""
        del session_id
        from millracer.schemas.ops.store_payloads import RegisterWorkspacePayload  # noqa: PLC0415 - see above

        payload = read.payload_as(RegisterWorkspacePayload)
        if payload.workspace_id == DEFAULT_WORKSPACE:
            raise InvalidRequest(
                f"{DEFAULT_WORKSPACE!r} always means the command's own workspace",
                field=f"{read.payload_path}workspace_id",
                suggested_action="register it under another id, with is_default if you like",
            )
        workspace = RegisteredWorkspace(
            workspace_id=payload.workspace_id,
            root_path=self._existing(payload.root_path, f"{read.payload_path}root_path"),
            display_name=payload.display_name,
            default_mode=payload.default_mode,
            tags=tuple(payload.tags or ()),
            is_default=bool(payload.is_default),
        )
        known = {each.workspace_id: each for each in self._memory.store.list_workspaces()}
        new = self._memory.store.register_workspace(workspace)
        former = known.get(workspace.workspace_id, workspace)
        replaced = RunWarning(
            "workspace_replaced",
            f"{workspace.workspace_id} was registered already, for {former.root_path}",
        )
        return Reply(
            result=WorkspaceReply(workspace=describe_workspace(workspace)),
            warnings=() if new else (replaced,),
        )

    def forget_workspace(self, read: ReadRequest, session_id: str) -> Reply:
        """Remove a registered workspace; nothing on disk changes, sessions keep its path."""
        del session_id
        from millracer.schemas.ops.store_payloads import ForgetWorkspacePayload  # noqa: PLC0415 - see above

        workspace = self._registered(read.payload_as(ForgetWorkspacePayload).workspace_id)
        self._memory.store.forget_workspace(workspace.workspace_id)
        return Reply(result=WorkspaceReply(workspace=describe_workspace(workspace)))

    def select_workspace(self, read: ReadRequest, session_id: str) -> Reply:
        """Set the workspace and mode that a session's requests use by default."""
        from millracer.schemas.ops.store_payloads import SelectWorkspacePayload  # noqa: PLC0415 - see above

        payload = read.payload_as(SelectWorkspacePayload)
        workspace_id = payload.workspace_id
        if workspace_id == DEFAULT_WORKSPACE:
            workspace = self._own_workspace()
        elif workspace_id is not None:
            workspace = self._registered(workspace_id)
        elif payload.root_path is not None:
            path = self._existing(payload.root_path, f"{read.payload_path}root_path")
            workspace = RegisteredWorkspace(workspace_id="", root_path=path)
        else:
            raise WorkspaceUnresolved(
                "select_workspace needs input.payload.workspace_id or input.payload.root_path",
                suggested_action="name a workspace of `millracer workspaces list`, or a path",
            )
        selection = Selection(
            workspace_id=workspace_id,
            root_path=workspace.root_path,
            mode=payload.mode or workspace.default_mode,
        )
        before = self._memory.store.find_session(session_id)
        session = self._memory.store.select(
            session_id, selection, client_name=read.request.client_name or session_id
        )
        missing = RunWarning(
            "workspace_missing", f"{workspace.root_path} is not a directory (any more)"
        )
        return Reply(
            result=SessionReply(session=describe_session(session)),
            warnings=(
                *_mode_warning(before, selection),
                *(() if self._directories.exists(workspace.root_path) else (missing,)),
            ),
        )

    def list_sessions(self, read: ReadRequest, session_id: str) -> Reply:
        """List every session, by id."""
        del read, session_id
        sessions = self._memory.store.list_sessions()
        return Reply(
            result=SessionsReply(sessions=[describe_session(session) for session in sessions])
        )

    def inspect_session(self, read: ReadRequest, session_id: str) -> Reply:
        """Show one session as it was before this request."""
        del read
        session = self._memory.store.find_session(session_id)
        return Reply(
            result=SessionReply(session=None if session is None else describe_session(session))
        )

    def forget_session(self, read: ReadRequest, session_id: str) -> Reply:
        """Remove a session; the reply shows its last state."""
        del session_id
        from millracer.schemas.ops.store_payloads import ForgetSessionPayload  # noqa: PLC0415 - see above

        named = read.payload_as(ForgetSessionPayload).session_id
        session = self._memory.store.find_session(named)
        self._memory.store.forget_session(named)
        return Reply(
            result=SessionReply(session=None if session is None else describe_session(session))
        )

    def _own_workspace(self) -> RegisteredWorkspace:
        own = command_workspace(self._command_workspace, self._memory, self._directories)
        return replace(own, default_mode=self._command_mode or DEFAULT_MODE)

    def _registered(self, workspace_id: str) -> RegisteredWorkspace:
        workspace = self._memory.store.find_workspace(workspace_id)
        if workspace is None:
            raise WorkspaceUnresolved(
                f"no workspace is registered as {workspace_id!r}",
                suggested_action="see `millracer workspaces list`, or select it by its path",
            )
        return workspace

    def _existing(self, path: str, field: str) -> str:
        absolute = self._directories.absolute(path)
        if not self._directories.exists(absolute):
            raise InvalidRequest(
                f"{absolute} is not a directory",
                field=field,
                suggested_action="name an existing directory",
            )
        return absolute


def _mode_warning(before: Session | None, selection: Selection) -> tuple[RunWarning, ...]:
    """Return the warning that the session's earlier mode is no longer selected."""
    mode = None if before is None or before.selection is None else before.selection.mode
    if mode is None or selection.mode is not None:
        return ()
    return (RunWarning("mode_cleared", f"the earlier mode {mode} is no longer selected"),)
