"""Notifying pi of stages: no test waits for time, each waits for what happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.run.usage import NO_TURNS
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind
from millracer.errors import ToolTimeout
from millracer.ports import TextListener
from millracer.run import notifier as notifying
from millracer.run.notifier import Notifier, ProgressNote
from millracer.run.prompts import NOTICE_MARK
from millracer.testing.agent import ScriptedAgent, ScriptedModels
from tests.support.cli import wait_until
from tests.unit.domain.run.test_notification import UPDATED


@pytest.fixture
def pi() -> ScriptedAgent:
    return ScriptedAgent()


@pytest.fixture
def notifier(pi: ScriptedAgent) -> Iterator[Notifier]:
    notifier = Notifier(pi)
    notifier.start()
    yield notifier
    assert notifier.finish(soon())


def soon() -> Wait:
    return Wait.for_seconds(30)


def ended(number: int) -> RuntimeEvent:
    return replace(UPDATED, run_id=f"run-{number}", item_id=f"t{number}")


def notes_of(notifier: Notifier, count: int) -> list[ProgressNote]:
    """Return what became of the next notices, once that many are over."""
    notes: list[ProgressNote] = []

    def enough() -> bool:
        notes.extend(notifier.drain())
        return len(notes) >= count

    wait_until(enough, f"{count} notices are over")
    assert len(notes) == count
    return notes


def test_pi_hears_of_each_end_once_and_in_order(pi: ScriptedAgent, notifier: Notifier) -> None:
    pi.will_say("Noted.")
    pi.will_say("Noted again.")

    for event in (ended(1), ended(1), ended(2), ended(1)):
        notifier.post(event)
    notes = notes_of(notifier, 2)

    assert [note.event for note in notes] == [ended(1), ended(2)]
    assert notes[0] == ProgressNote(reason=notes[0].reason, event=ended(1))
    assert all(prompt.startswith(NOTICE_MARK) for prompt in pi.prompts)
    for sent in (notes[0].reason, pi.prompts[0]):
        assert all(word in sent for word in ("updater", "UPDATE_COMPLETE", "task", "t1"))
    assert len(pi.prompts) == 2


def test_what_is_not_worth_it_costs_no_turn(pi: ScriptedAgent, notifier: Notifier) -> None:
    notifier.post(replace(UPDATED, kind=RuntimeEventKind.STAGE_STARTED))

    assert notifier.finish(soon())
    assert notifier.drain() == []
    assert pi.prompts == []


def test_a_failure_is_a_warning_once_and_the_next_end_is_sent_all_the_same(
    pi: ScriptedAgent, notifier: Notifier
) -> None:
    pi.will_fail("429 slow down")
    pi.will_fail(ToolTimeout("pi", "too slow"))
    pi.will_say("Noted.")

    for number in (1, 2, 3):
        notifier.post(ended(number))
    first, second, third = notes_of(notifier, 3)

    assert first.warning is not None
    assert first.warning.code == "notification_failed"
    assert first.reason == first.warning.text
    assert "429 slow down" in first.reason
    assert "too slow" in second.reason
    assert (second.warning, third.warning) == (None, None)
    assert third.reason.startswith("pi was notified")


def test_sending_and_asking_for_the_result_do_not_wait_for_a_turn(
    pi: ScriptedAgent, notifier: Notifier
) -> None:
    may_answer = threading.Event()
    pi.will_say("Noted.", before=lambda: assert_soon(may_answer))
    pi.will_say("Noted.")

    notifier.post(ended(1))
    notifier.post(ended(2))

    assert notifier.drain() == []
    may_answer.set()
    assert [note.event for note in notes_of(notifier, 2)] == [ended(1), ended(2)]


def test_the_end_of_the_watch_stops_a_running_turn_and_drops_what_waits(
    pi: ScriptedAgent, notifier: Notifier
) -> None:
    began = threading.Event()
    pi.will_hang(before=began.set)
    for number in (1, 2):
        notifier.post(ended(number))
    assert_soon(began)

    assert notifier.finish(soon())
    notes = notifier.drain()

    assert [note.event for note in notes] == [ended(1), ended(2)]
    assert all("was not notified" in note.reason and note.warning is None for note in notes)
    assert len(pi.prompts) == 1


def test_nothing_is_sent_before_the_start_nor_after_the_end(pi: ScriptedAgent) -> None:
    notifier = Notifier(pi)
    notifier.post(ended(1))
    assert notifier.finish(soon())

    notifier.start()
    notifier.start()
    assert notifier.finish(soon())
    notifier.post(ended(2))

    assert notifier.drain() == []
    assert pi.prompts == []


def test_started_again_it_continues_and_sends_nothing_twice(
    pi: ScriptedAgent, notifier: Notifier
) -> None:
    pi.will_say("Noted.")
    notifier.post(ended(1))
    notes_of(notifier, 1)
    notifier.finish(soon())

    pi.will_say("Noted.")
    notifier.start()
    notifier.post(ended(1))
    notifier.post(ended(2))

    assert [note.event for note in notes_of(notifier, 1)] == [ended(2)]


def test_a_turn_has_a_limit_of_its_own(pi: ScriptedAgent) -> None:
    pi.will_hang()
    notifier = Notifier(pi, turn_seconds=0.01)
    notifier.start()
    notifier.post(ended(1))

    (note,) = notes_of(notifier, 1)

    assert note.warning is not None
    assert notifier.finish(soon())


class DeafPi(ScriptedModels):
    """Ends its turn when it is let, or once the urgent cancellation says to end pi itself."""

    version = None
    notices = ()
    usage = NO_TURNS

    def __init__(self, *, heeds_urgency: bool) -> None:
        self.began = threading.Event()
        self.released = threading.Event()
        self._heeds_urgency = heeds_urgency

    def begin(self) -> None:
        raise NotImplementedError

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        self.began.set()
        while not self.released.wait(0.01):
            if self._heeds_urgency:
                wait.cancellation.urgent.raise_if_cancelled()
        return "Noted."

    def close(self, wait: Wait) -> None:
        self.released.set()


@pytest.mark.parametrize("hurry", ["the wait is over", "the caller asked again"])
def test_a_pi_that_does_not_abort_is_ended(hurry: str) -> None:
    pi = DeafPi(heeds_urgency=True)
    notifier = Notifier(pi)
    notifier.start()
    notifier.post(ended(1))
    assert_soon(pi.began)
    again = Cancellation()
    if hurry == "the caller asked again":
        again.cancel(CancelReason.INTERRUPTED)

    free = notifier.finish(
        Wait.for_seconds(0) if hurry == "the wait is over" else Wait.for_seconds(600, again)
    )

    assert free
    assert [note.event for note in notifier.drain()] == [ended(1)]


def test_a_pi_that_cannot_be_ended_is_left_to_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "_URGENT_SECONDS", 0.0)
    pi = DeafPi(heeds_urgency=False)
    notifier = Notifier(pi)
    notifier.start()
    notifier.post(ended(1))
    assert_soon(pi.began)

    assert not notifier.finish(Wait.for_seconds(0))
    assert not notifier.finish(Wait.for_seconds(0))
    assert notifier.drain() == []
    pi.close(soon())
    wait_until(lambda: notifier.finish(soon()), "the turn ends")
    assert "was notified" in notes_of(notifier, 1)[0].reason

    notifier.start()
    notifier.post(ended(2))
    assert [note.event for note in notes_of(notifier, 1)] == [ended(2)]
    assert notifier.finish(soon())


def assert_soon(event: threading.Event) -> None:
    assert event.wait(30)
