"""A session store that others keep locked from some call on."""

from __future__ import annotations

from millracer.domain.workspaces import RegisteredWorkspace, Selection, Session
from millracer.errors import RunWarning, StoreUnavailable
from tests.fakes.store import InMemorySessionStore


class FailingStore(InMemorySessionStore):
    """Works until `lock` was called, then for so many calls more, then never again.

    Attributes:
        asked: the calls since it was locked, oldest first.
        pending_notices: what a real one would report to the caller.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.pending_notices: tuple[RunWarning, ...] = ()
        self._left: int | None = None

    def lock(self, *, after_calls: int = 0) -> None:
        """Let every call fail after so many that do not."""
        self._left = after_calls

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        return self.pending_notices

    def list_workspaces(self) -> tuple[RegisteredWorkspace, ...]:
        self._ask("list_workspaces")
        return super().list_workspaces()

    def find_workspace(self, workspace_id: str) -> RegisteredWorkspace | None:
        self._ask("find_workspace")
        return super().find_workspace(workspace_id)

    def register_workspace(self, workspace: RegisteredWorkspace) -> bool:
        self._ask("register_workspace")
        return super().register_workspace(workspace)

    def forget_workspace(self, workspace_id: str) -> bool:
        self._ask("forget_workspace")
        return super().forget_workspace(workspace_id)

    def list_sessions(self) -> tuple[Session, ...]:
        self._ask("list_sessions")
        return super().list_sessions()

    def find_session(self, session_id: str) -> Session | None:
        self._ask("find_session")
        return super().find_session(session_id)

    def select(self, session_id: str, selection: Selection, *, client_name: str) -> Session:
        self._ask("select")
        return super().select(session_id, selection, client_name=client_name)

    def select_workspace(
        self, session_id: str, workspace_id: str | None, root_path: str, *, client_name: str
    ) -> Session:
        self._ask("select_workspace")
        return super().select_workspace(
            session_id, workspace_id, root_path, client_name=client_name
        )

    def select_mode(self, session_id: str, mode: str | None, *, client_name: str) -> Session:
        self._ask("select_mode")
        return super().select_mode(session_id, mode, client_name=client_name)

    def record_request(
        self,
        session_id: str,
        *,
        client_name: str,
        request_id: str | None,
        warning_codes: tuple[str, ...],
    ) -> Session:
        self._ask("record_request")
        return super().record_request(
            session_id, client_name=client_name, request_id=request_id, warning_codes=warning_codes
        )

    def forget_session(self, session_id: str) -> bool:
        self._ask("forget_session")
        return super().forget_session(session_id)

    def _ask(self, call: str) -> None:
        if self._left is None:
            return
        self.asked.append(call)
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("the session store is locked by another process")
