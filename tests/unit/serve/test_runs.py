"""The end of a server's runs: cancelled once, and cut short only on a second request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import pytest

from millracer.serve.operations import ServerOperations
from millracer.serve.runs import ServerRun, ServerRuns
from millracer.serve.workspaces import ServedWorkspace

PLACE = ServedWorkspace(path="/home/me/shop")


class _StuckRuns(ServerRuns):
    """Runs that end when the test says so."""

    def __init__(self) -> None:
        super().__init__(
            cast("ServerOperations", None), save=lambda _: None, report_bug=lambda _: None
        )
        self.started = threading.Event()
        self.may_end = threading.Event()
        self.run: ServerRun | None = None

    def _perform(self, run: ServerRun) -> None:
        self.run = run
        self.started.set()
        self.may_end.wait(60)


@pytest.fixture
def runs() -> Iterator[_StuckRuns]:
    found = _StuckRuns()
    found.start(PLACE, "fix-it-1", "r1", {})
    assert found.started.wait(60)
    yield found
    found.may_end.set()
    found.await_end()


def test_a_stop_cancels_a_run_and_leaves_it_the_time_to_clean_up(runs: _StuckRuns) -> None:
    runs.stop()
    runs.stop()

    assert runs.run is not None
    assert runs.run.cancellation.reason is not None
    assert runs.run.cancellation.urgent.reason is None


def test_a_second_request_cuts_the_cleanup_short(
    runs: _StuckRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millracer.serve.runs.STOP_SECONDS", 10_000.0)
    runs.stop()
    waiting = threading.Thread(target=runs.await_end, daemon=True)
    waiting.start()

    runs.stop(at_once=True)

    waiting.join(60)
    assert not waiting.is_alive()
    assert runs.run is not None
    assert runs.run.cancellation.urgent.reason is not None
    assert runs.has(PLACE, "fix-it-1")
