"""What a queued item waits for, as listeners get it."""

from datetime import timedelta

from millracer.cancellation import Cancellation, Wait
from millracer.domain.event_log import EventType
from millracer.domain.requests import RunRequest
from millracer.domain.run.observation import ChangeHints
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.work.items import ItemState, WorkItem
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind
from millracer.run.context import RunContext
from millracer.run.progress import Progress
from millracer.run.waiting import WaitingReport
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock


class Scene:
    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.heard: list[ProgressEvent] = []
        self.millrace = ScriptedBackend()
        self.millrace.holds("own", ItemState.QUEUED)
        self.record = RunContext(
            request=RunRequest(task="t", request_id="r"),
            cancellation=Cancellation(),
            item=WorkItem(item_id="own", request_hash="", named=True),
        )
        progress = Progress(self.record, "/w", self.clock, (self.heard.append,))
        self.report = WaitingReport(self.record, self.millrace, progress)

    def update(self, *events: RuntimeEvent) -> str | None:
        """Return what is reported, if anything."""
        wait = Wait.for_seconds(30)
        self.record.item_status = self.millrace.look_up("own", wait)
        self.heard.clear()
        self.report.update(ChangeHints(daemon_alive=True, events=events))
        assert all(event.type == EventType.RUNTIME_WAITING for event in self.heard)
        return self.heard[0].reason if self.heard else None

    def began(self, item_id: str, stage: str, *, seconds_ago: float = 0) -> RuntimeEvent:
        at = self.clock.now() - timedelta(seconds=seconds_ago)
        return RuntimeEvent(
            kind=RuntimeEventKind.STAGE_STARTED, occurred_at=at, stage=stage, item_id=item_id
        )


def test_the_queue_and_the_active_stage_of_another_item_are_reported_when_they_change() -> None:
    scene = Scene()
    scene.millrace.holds("x", ItemState.ACTIVE)
    scene.millrace.holds("y", ItemState.QUEUED)
    scene.millrace.holds("z", ItemState.QUEUED)
    scene.millrace.events.append(scene.began("x", "builder", seconds_ago=150))

    first = scene.update()
    assert first == "waiting: 2 other items in the queue; now task x at builder, 2 min"
    assert scene.update() is None
    checked = scene.update(scene.began("x", "checker"))
    assert checked == "waiting: 2 other items in the queue; now task x at checker"
    assert scene.update(scene.began("x", "checker")) is None


def test_an_item_that_is_alone_or_active_waits_for_nothing() -> None:
    scene = Scene()
    assert scene.update() is None

    scene.millrace.holds("x", ItemState.QUEUED)
    scene.millrace.holds("own", ItemState.ACTIVE)
    assert scene.update(scene.began("own", "builder")) is None
    assert scene.update(scene.began("x", "builder")) is None


def test_a_watch_without_news_reads_the_files_once() -> None:
    scene = Scene()
    scene.update()
    scene.millrace.calls.clear()

    scene.update()

    assert "list_unfinished" not in scene.millrace.calls
