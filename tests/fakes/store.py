"""The session store as plain values: what any store must do, without a disk."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from millracer.domain.workspaces import RECENT_REQUESTS, RegisteredWorkspace, Selection, Session
from millracer.errors import RunWarning
from millracer.ports import SessionStore

_NOTHING = Selection(workspace_id=None, root_path=None)


class InMemorySessionStore(SessionStore):
    """Holds everything in two dictionaries; `copied` is a store of the same content."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._workspaces: dict[str, RegisteredWorkspace] = {}
        self._sessions: dict[str, Session] = {}

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        return ()

    def copied(self) -> InMemorySessionStore:
        copied = InMemorySessionStore(now=self._now)
        copied._workspaces = copy.copy(self._workspaces)
        copied._sessions = copy.copy(self._sessions)
        return copied

    def list_workspaces(self) -> tuple[RegisteredWorkspace, ...]:
        return tuple(self._workspaces[key] for key in sorted(self._workspaces))

    def find_workspace(self, workspace_id: str) -> RegisteredWorkspace | None:
        return self._workspaces.get(workspace_id)

    def register_workspace(self, workspace: RegisteredWorkspace) -> bool:
        new = workspace.workspace_id not in self._workspaces
        if workspace.is_default:
            self._workspaces = {
                key: replace(known, is_default=False) for key, known in self._workspaces.items()
            }
        self._workspaces[workspace.workspace_id] = workspace
        return new

    def forget_workspace(self, workspace_id: str) -> bool:
        return self._workspaces.pop(workspace_id, None) is not None

    def list_sessions(self) -> tuple[Session, ...]:
        return tuple(self._sessions[key] for key in sorted(self._sessions))

    def find_session(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def select(self, session_id: str, selection: Selection, *, client_name: str) -> Session:
        return self._select(session_id, selection, client_name)

    def select_workspace(
        self, session_id: str, workspace_id: str | None, root_path: str, *, client_name: str
    ) -> Session:
        mode = self._selection(session_id).mode
        selection = Selection(workspace_id=workspace_id, root_path=root_path, mode=mode)
        return self._select(session_id, selection, client_name)

    def select_mode(self, session_id: str, mode: str | None, *, client_name: str) -> Session:
        selection = replace(self._selection(session_id), mode=mode)
        return self._select(session_id, selection, client_name)

    def record_request(
        self,
        session_id: str,
        *,
        client_name: str,
        request_id: str | None,
        warning_codes: tuple[str, ...],
    ) -> Session:
        session = self._session(session_id, client_name)
        recent = session.recent_request_ids
        if request_id is not None:
            others = tuple(other for other in recent if other != request_id)
            recent = (*others, request_id)[-RECENT_REQUESTS:]
        return self._put(
            replace(session, recent_request_ids=recent, last_warning_codes=warning_codes)
        )

    def forget_session(self, session_id: str) -> bool:
        return self._sessions.pop(session_id, None) is not None

    def _select(self, session_id: str, selection: Selection, client_name: str) -> Session:
        session = self._session(session_id, client_name)
        return self._put(replace(session, selection=None if selection == _NOTHING else selection))

    def _selection(self, session_id: str) -> Selection:
        session = self._sessions.get(session_id)
        return _NOTHING if session is None else session.selection or _NOTHING

    def _session(self, session_id: str, client_name: str) -> Session:
        now = self._now()
        return self._sessions.get(session_id) or Session(
            session_id=session_id, client_name=client_name, created_at=now, updated_at=now
        )

    def _put(self, session: Session) -> Session:
        self._sessions[session.session_id] = replace(session, updated_at=self._now())
        return self._sessions[session.session_id]
