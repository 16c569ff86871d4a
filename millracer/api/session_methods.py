"""The methods that read and change registered workspaces and sessions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from millracer.api.base import ClientBase, refuse_blank
from millracer.cancellation import Cancellation
from millracer.domain.operations import OperationName
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.operations.ops.store_requests import answer_store_request
from millracer.schemas.base import redacted

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.schemas.ops.result import OpsResult


class SessionMethods(ClientBase):
    """Read and change the user's registered workspaces and sessions."""

    def list_workspaces(self, *, cancellation: Cancellation | None = None) -> OpsResult:
        """Return the registered workspaces, as `millracer workspaces list` does.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._on_store(OperationName.LIST_WORKSPACES, cancellation)

    def register_workspace(  # noqa: PLR0913 - all but two are optional
        self,
        root_path: str | os.PathLike[str],
        *,
        workspace_id: str,
        display_name: str | None = None,
        default_mode: str | None = None,
        tags: Sequence[str] = (),
        is_default: bool = False,
        cancellation: Cancellation | None = None,
    ) -> OpsResult:
        """Register a directory under an id, as `millracer workspaces add` does.

        Args:
            root_path: an existing directory.
            workspace_id: the id; an existing one is replaced.
            display_name: a name for people.
            default_mode: the Millrace mode of the workspace.
            tags: free words.
            is_default: ops requests use it if nothing else names a workspace.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(workspace_id, "workspace_id")
        return self._on_store(
            OperationName.REGISTER_WORKSPACE,
            cancellation,
            workspace_id=workspace_id,
            root_path=os.fspath(root_path),
            display_name=display_name,
            default_mode=default_mode,
            tags=list(tags),
            is_default=is_default,
        )

    def forget_workspace(
        self, workspace_id: str, *, cancellation: Cancellation | None = None
    ) -> OpsResult:
        """Unregister a workspace, as `millracer workspaces remove` does.

        Its directory is not changed.

        Args:
            workspace_id: its id.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(workspace_id, "workspace_id")
        return self._on_store(
            OperationName.FORGET_WORKSPACE, cancellation, workspace_id=workspace_id
        )

    def select_workspace(
        self,
        *,
        workspace_id: str | None = None,
        root_path: str | os.PathLike[str] | None = None,
        mode: str | None = None,
        cancellation: Cancellation | None = None,
    ) -> OpsResult:
        """Select the workspace of the client's session, as `millracer workspaces select` does.

        A client with a workspace of its own continues to use that.

        Args:
            workspace_id: the id of a registered workspace, or `default`.
            root_path: the path of a workspace, instead of an id.
            mode: the Millrace mode. None: the workspace's default mode.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._on_store(
            OperationName.SELECT_WORKSPACE,
            cancellation,
            workspace_id=workspace_id,
            root_path=None if root_path is None else os.fspath(root_path),
            mode=mode,
        )

    def list_sessions(self, *, cancellation: Cancellation | None = None) -> OpsResult:
        """Return all sessions, as `millracer sessions list` does.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._on_store(OperationName.LIST_SESSIONS, cancellation)

    def inspect_session(
        self, session_id: str | None = None, *, cancellation: Cancellation | None = None
    ) -> OpsResult:
        """Return one session, as `millracer sessions show` does.

        Args:
            session_id: its id. None: the client's session.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        named = self._named(session_id)
        return self._on_store(OperationName.INSPECT_SESSION, cancellation, session_id=named)

    def forget_session(
        self, session_id: str | None = None, *, cancellation: Cancellation | None = None
    ) -> OpsResult:
        """Delete one session, as `millracer sessions forget` does.

        Args:
            session_id: its id. None: the client's session.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        named = self._named(session_id)
        return self._on_store(OperationName.FORGET_SESSION, cancellation, session_id=named)

    def _named(self, session_id: str | None) -> str:
        if session_id is None:
            return self._session_id or LOCAL_SESSION
        refuse_blank(session_id, "session_id")
        return session_id

    def _on_store(
        self, action: OperationName, cancellation: Cancellation | None, **payload: object
    ) -> OpsResult:
        with self._gateway() as gateway:
            answer = answer_store_request(
                gateway,
                action,
                payload,
                source="library",
                handle=lambda read: gateway.handle(read, cancellation or Cancellation()),
            )
        return redacted(answer.result)
