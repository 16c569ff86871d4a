"""A folder for a store, and stores in it that are closed with the test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from millracer.store.sessions import SqliteSessionStore
from millracer.testing.clock import FrozenClock
from tests.support import forked

OpenStore = Callable[..., SqliteSessionStore]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def open_store(folder: Path, clock: FrozenClock) -> Iterator[OpenStore]:
    """Make a store on the folder; keyword arguments as its class takes them."""
    with ExitStack() as stack:

        def make(**settings: object) -> SqliteSessionStore:
            store = SqliteSessionStore(**{"folder": folder, "now": clock.now, **settings})
            stack.callback(store.close)
            return store

        yield make


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that the user of `forked.without_privileges` can reach."""
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        folder = Path(outer) / "state"
        folder.mkdir()
        yield folder
        folder.chmod(0o755)


def give_away(folder: Path) -> None:
    """Let the folder and its files be those of the user without privileges."""
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, forked.UNPRIVILEGED, forked.UNPRIVILEGED)
