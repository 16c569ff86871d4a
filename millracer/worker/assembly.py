"""Put a worker together: its host's lock, checkouts, stores, engine and runner."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from millracer import __version__
from millracer.domain.fleet.hosts import AWAY_AFTER_SECONDS, HostSession
from millracer.errors import InvalidRequest, UsageError
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.ports.fleet_engine import RateLimit
from millracer.wiring import SystemClock, open_store
from millracer.wiring.fleet import find_fleet, open_fleet
from millracer.wiring.fleet_worker import lock_host, open_checkout, open_engine
from millracer.wiring.tool_factory import ProgramFactory, existing
from millracer.worker.runner import ItemRunner, OpsRunner
from millracer.worker.worker import Worker, WorkerSettings

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MORE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerChoice:
    """What a worker is to do.

    Attributes:
        fleet: the fleet's name or file; None for the user's own.
        host: the host's name; None for that of the fleet's file, or the machine's.
        workspaces: ids and paths; empty for the registered workspaces.
        labels: labels of all workspaces.
        slots: how many items run at once.
        limit: how many items start in which time; None: any number.
        poll_seconds: how often the queue is read.
        once: end after one item.
        idle_seconds: end after so many seconds without an item; None: never.
        take_over: take the name over from another, silent machine.
        certifies: make certificates of completed items; None: if the host has a signing key.
    """

    fleet: str | None = None
    host: str | None = None
    workspaces: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    slots: int = 2
    limit: RateLimit | None = None
    poll_seconds: float = 0.2
    once: bool = False
    idle_seconds: float | None = None
    take_over: bool = False
    certifies: bool | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    workspace_id: str
    root: Path
    labels: tuple[str, ...]


@contextmanager
def open_worker(
    choice: WorkerChoice,
    runner: ItemRunner,
    say: Callable[[str], None],
) -> Iterator[Worker]:
    """Yield a worker that holds the lock of its host until the end of the block.

    Args:
        choice: what it is to do.
        runner: performs the requests of items.
        say: prints one line for a person.

    Raises:
        UsageError: the host's name is held on this machine, or there is no workspace.
        FleetError: the fleet is not set up here.
        WorkspaceUnusable: a workspace is missing or not writable.
    """
    place = find_fleet(choice.fleet)
    host = _host_name(choice.host or place.host or platform.node())
    places = _places(choice, say)
    with ExitStack() as held:
        lock = lock_host(host)
        held.callback(lock.release)
        checkouts = [open_checkout(each.workspace_id, each.root) for each in places]
        dead = lock.is_holder_dead
        may_live = lock.former is not None and not dead
        session = HostSession(
            host=host,
            session="",
            machine=lock.machine,
            boot=lock.process.boot,
            pid=lock.process.pid,
            version=__version__,
            slots=choice.slots,
            holder_is_dead=dead,
            take_over=choice.take_over,
        )
        store = held.enter_context(closing(open_fleet(choice.fleet)))
        yield Worker(
            settings=WorkerSettings(
                session=session,
                labels={each.workspace_id: each.labels for each in places},
                holder_seconds=AWAY_AFTER_SECONDS + _MORE_SECONDS if may_live else 0.0,
                once=choice.once,
                idle_seconds=choice.idle_seconds,
            ),
            store=store,
            client=store,
            beat_store=held.enter_context(closing(open_fleet(choice.fleet))),
            engine=open_engine(place, host, poll_seconds=choice.poll_seconds, limit=choice.limit),
            checkouts=checkouts,
            runner=runner,
            clock=SystemClock(),
            say=say,
        )


def make_runner(
    programs: ProgramFactory, options: OptionLayers, *, certifies: bool | None
) -> ItemRunner:
    """Return the runner on real programs, which the caller closes.

    Args:
        programs: pi and Millrace.
        options: the host's options of runs.
        certifies: make certificates of completed items; None: if the host has a signing key.

    Raises:
        KeyUnusable: certificates are requested, and the host has no signing key.
        CertificateImpossible: certificates are requested, and a library is missing.
    """
    if certifies:
        programs.keys().signer(None, os.devnull)
    return OpsRunner(programs=programs, options=options, certifies=certifies)


def _host_name(text: str) -> str:
    if _HOST.fullmatch(text) is None:
        raise UsageError(
            f"{text!r:.100} cannot be the name of a host",
            suggested_action="give --host a name of letters, digits, `.`, `-` and `_`",
        )
    return text


def _places(choice: WorkerChoice, say: Callable[[str], None]) -> Sequence[_Place]:
    found = [
        _Place(workspace_id, existing(Path(path), "workspace"), choice.labels)
        for workspace_id, path in choice.workspaces
    ]
    if not choice.workspaces:
        found = list(_registered(choice.labels, say))
    if not found:
        raise UsageError(
            "there is no workspace to work in",
            suggested_action="add --workspace ID=PATH, or register one with "
            "`millracer workspaces add PATH --id ID`",
        )
    for names in ([each.workspace_id for each in found], [str(each.root) for each in found]):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError(
                f"two workspaces are {twice}", suggested_action="name each id and path once"
            )
    return found


def _registered(labels: tuple[str, ...], say: Callable[[str], None]) -> Iterator[_Place]:
    with open_store() as store:
        workspaces = SessionMemory(store).workspaces()
    for each in workspaces:
        try:
            root = existing(Path(each.root_path), "workspace")
        except InvalidRequest:
            say(f"workspace {each.workspace_id} is left out: {each.root_path} is not a directory")
            continue
        both = tuple(dict.fromkeys((*each.tags, *labels)))
        yield _Place(each.workspace_id, root, both)
