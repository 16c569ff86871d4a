"""The port of the session store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from millracer.domain.workspaces import RegisteredWorkspace, Selection, Session
    from millracer.errors import RunWarning


class SessionStore(Protocol):
    """Convenience state that survives restarts: registered workspaces and sessions.

    Each call is one transaction; many processes may use one store at once. Every method raises
    `StoreUnavailable` where the store cannot be read or written. A corrupt store is first moved
    aside, which `notices` reports, and the call works on a new one.
    """

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings for the caller, each once."""
        ...

    def list_workspaces(self) -> tuple[RegisteredWorkspace, ...]:
        """Return every registered workspace, by id."""
        ...

    def find_workspace(self, workspace_id: str) -> RegisteredWorkspace | None:
        """Return one registered workspace, or None."""
        ...

    def register_workspace(self, workspace: RegisteredWorkspace) -> bool:
        """Add a workspace or replace the one of the same id; return whether it was new.

        One that is the default takes that from the former default.
        """
        ...

    def forget_workspace(self, workspace_id: str) -> bool:
        """Remove a workspace; return whether there was one. Selections of it stay."""
        ...

    def list_sessions(self) -> tuple[Session, ...]:
        """Return every session, by id."""
        ...

    def find_session(self, session_id: str) -> Session | None:
        """Return one session, or None."""
        ...

    def select(self, session_id: str, selection: Selection, *, client_name: str) -> Session:
        """Set what a session selected; the session is created with the client's name if new."""
        ...

    def select_workspace(
        self, session_id: str, workspace_id: str | None, root_path: str, *, client_name: str
    ) -> Session:
        """Set the workspace a session selected and leave its mode; the session is made if new."""
        ...

    def select_mode(self, session_id: str, mode: str | None, *, client_name: str) -> Session:
        """Set or clear the mode a session selected and leave its workspace, also where it has none.

        The session is made if new.
        """
        ...

    def record_request(
        self,
        session_id: str,
        *,
        client_name: str,
        request_id: str | None,
        warning_codes: tuple[str, ...],
    ) -> Session:
        """Record one request of a session; the session is created if new.

        A request id that is remembered already moves to the newest place. None, of a request whose
        id could not be read, leaves the list as it is.
        """
        ...

    def forget_session(self, session_id: str) -> bool:
        """Remove a session; return whether there was one."""
        ...
