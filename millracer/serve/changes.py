"""Report changes of workspaces to streams: one thread per workspace, while any stream listens."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.errors import MillracerError
from millracer.serve.operations import ServerOperations
from millracer.serve.threads import call_in_thread
from millracer.serve.workspaces import ServedWorkspace, Workspaces

_log = logging.getLogger(__name__)
#: How often the registry is read, which other programs change too.
_REGISTRY_SECONDS = 2.0
#: How often a workspace is read for what the system does not report, such as a new watcher.
_POLL_SECONDS = 5.0
#: After this time a workspace that cannot be observed is tried again.
_RETRY_SECONDS = 10.0


@dataclass(eq=False, slots=True)
class Subscription:
    """What changed for one stream since it last took it; belongs to the event loop.

    Attributes:
        woken: set when something changed.
        keys: the changed workspaces.
        is_server_changed: whether workspaces were added or removed.
    """

    woken: asyncio.Event
    keys: set[str] = field(default_factory=set)
    is_server_changed: bool = False


class Changes:
    """Reports changes to its subscriptions; belongs to one event loop.

    Args:
        operations: opens the workspaces.
        workspaces: the served workspaces.
    """

    def __init__(self, operations: ServerOperations, workspaces: Workspaces) -> None:
        self._operations = operations
        self._workspaces = workspaces
        self._subscriptions: set[Subscription] = set()
        self._observed: dict[str, Cancellation] = {}
        self._known: frozenset[ServedWorkspace] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @contextmanager
    def subscribed(self, woken: asyncio.Event) -> Iterator[Subscription]:
        """Report changes within the block.

        Args:
            woken: the event to set after a change.
        """
        mine = Subscription(woken)
        self._subscriptions.add(mine)
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())
        try:
            yield mine
        finally:
            self._subscriptions.discard(mine)
            if not self._subscriptions:
                self.close()

    def close(self) -> None:
        """Stop observing; repeatable."""
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        self._known = None
        for cancellation in self._observed.values():
            cancellation.cancel(CancelReason.INTERRUPTED)
        self._observed.clear()

    def report_server(self) -> None:
        """Report that workspaces were added or removed."""
        for each in self._subscriptions:
            each.is_server_changed = True
            each.woken.set()

    def report(self, key: str) -> None:
        """Report that a workspace changed."""
        for each in self._subscriptions:
            each.keys.add(key)
            each.woken.set()

    async def _keep(self) -> None:
        """Observe each served workspace, also those that are registered meanwhile."""
        while True:
            served = frozenset(await call_in_thread(self._workspaces.all))
            if self._known is not None and served != self._known:
                self.report_server()
            self._known = served
            wanted = {each.key: each for each in served}
            for key in set(self._observed) - set(wanted):
                self._observed.pop(key).cancel(CancelReason.INTERRUPTED)
            for key in set(wanted) - set(self._observed):
                self._observed[key] = self._observe(wanted[key])
            await asyncio.sleep(_REGISTRY_SECONDS)

    def _observe(self, workspace: ServedWorkspace) -> Cancellation:
        loop = asyncio.get_running_loop()
        cancellation = Cancellation()

        def changed() -> None:
            if cancellation.reason is None:
                loop.call_soon_threadsafe(self.report, workspace.key)

        def observe() -> None:
            wait = Wait(cancellation)
            with suppress(Cancelled, RuntimeError):  # the loop is closed
                while True:
                    try:
                        self._follow(workspace, wait, changed)
                    except (MillracerError, OSError) as error:
                        _log.info("%s cannot be observed: %s", workspace.path, error)
                        wait.sleep(_RETRY_SECONDS)

        threading.Thread(target=observe, name="workspace changes", daemon=True).start()
        return cancellation

    def _follow(self, workspace: ServedWorkspace, wait: Wait, changed: Callable[[], None]) -> None:
        supervisor = self._operations.open_millrace(workspace).supervisor
        with closing(supervisor.observe(poll_seconds=_POLL_SECONDS)) as observer:
            observer.next_change(wait)  # at once: the subscribers read the present state themselves
            while True:
                observer.next_change(wait)
                changed()
