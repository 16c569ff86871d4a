"""Best-effort access to the session store: failures become warnings.

After the first failure the store is not used again, so that a command waits only once for a locked
store. Requests that only the store can answer raise the error instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from millracer.domain.workspaces import RegisteredWorkspace, Session
from millracer.errors import RunWarning, StoreUnavailable
from millracer.ports import SessionStore

_Answer = TypeVar("_Answer")


class SessionMemory:
    """One command's view of the session store.

    Args:
        store: the store; None for a caller without a session: nothing is read or recorded.
    """

    def __init__(self, store: SessionStore | None) -> None:
        self._store = store
        self._trouble: StoreUnavailable | None = None

    @property
    def store(self) -> SessionStore:
        """The store itself, for requests that only it can answer.

        Raises:
            StoreUnavailable: an earlier use failed, or there is no store.
        """
        if self._trouble is not None:
            raise self._trouble
        if self._store is None:
            raise StoreUnavailable(
                "this caller uses no session store", suggested_action="name a session"
            )
        return self._store

    @property
    def warnings(self) -> tuple[RunWarning, ...]:
        """Warnings about the store for the caller, each once."""
        notices = () if self._store is None else self._store.notices
        if self._trouble is None:
            return notices
        lost = (
            f"what sessions selected is not known, or this request not remembered: {self._trouble}"
        )
        return (*notices, RunWarning(StoreUnavailable.code, lost))

    def give_up(self, trouble: StoreUnavailable) -> None:
        """Record a failure of a direct use, so that the store is not used again."""
        self._trouble = trouble

    def session(self, session_id: str) -> Session | None:
        """Return a session, None also where the store cannot be used."""
        return self._try(lambda store: store.find_session(session_id))

    def default_workspace(self) -> RegisteredWorkspace | None:
        """Return the registry's default, None also where the store cannot be used."""
        return next((each for each in self.workspaces() if each.is_default), None)

    def workspaces(self) -> tuple[RegisteredWorkspace, ...]:
        """Return the registered workspaces, none also where the store cannot be used."""
        return self._try(lambda store: store.list_workspaces()) or ()

    def find_workspace(self, workspace_id: str) -> RegisteredWorkspace | None:
        """Return a registered workspace, None also where the store cannot be used."""
        return self._try(lambda store: store.find_workspace(workspace_id))

    def record(
        self,
        session_id: str,
        *,
        client_name: str | None,
        request_id: str | None,
        warnings: tuple[str, ...],
    ) -> None:
        """Record a request and the codes of its warnings, best effort."""
        self._try(
            lambda store: store.record_request(
                session_id,
                client_name=client_name or session_id,
                request_id=request_id,
                warning_codes=warnings,
            )
        )

    def _try(self, ask: Callable[[SessionStore], _Answer]) -> _Answer | None:
        if self._store is None or self._trouble is not None:
            return None
        try:
            return ask(self._store)
        except StoreUnavailable as trouble:
            self._trouble = trouble
            return None
