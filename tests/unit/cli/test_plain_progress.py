"""Progress in lines: one for each event, and a repetition when nothing happens for long."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from millracer.cli.terminal.progress import PlainProgress
from millracer.domain.event_log import Event, EventType

EVENT = Event(
    type=EventType.RUNTIME_WAITING,
    at=datetime(2026, 11, 22, tzinfo=UTC),
    message="waiting: 3 other items in the queue",
    payload={"state": "monitor"},
)


@pytest.fixture
def progress() -> Iterator[PlainProgress]:
    shown = PlainProgress(quiet_seconds=0.01)
    yield shown
    shown.stop()


def test_the_last_line_is_repeated_while_nothing_happens(
    progress: PlainProgress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.listen(EVENT)
    written, limit = "", time.monotonic() + 30
    while written.count("\n") < 3 and time.monotonic() < limit:
        time.sleep(0.01)
        written += capsys.readouterr().err

    first, *repeated = written.splitlines()
    assert first.endswith("monitor: waiting: 3 other items in the queue")
    assert len(repeated) >= 2
    assert {line.partition("] ")[2] for line in repeated} == {
        "monitor: still waiting: 3 other items in the queue"
    }


def test_nothing_is_written_after_the_end(
    progress: PlainProgress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.listen(EVENT)
    progress.stop()
    capsys.readouterr()
    progress.stop()

    assert capsys.readouterr().err == ""
