"""The promises of every `Pi`: the same for the fake and for the real ones.

The one difference between them is memory: with a process a turn, pi knows nothing of earlier turns.
Its test is at the end, for the two that have a model which could be shown an earlier turn.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.demo.scripted_model import ModelRequest, Reply
from millracer.errors import ToolFailed, ToolTimeout
from millracer.ports import Agent
from millracer.testing.agent import ScriptedAgent
from tests.support.real_pi import real_pi, real_print_pi

Happening = Callable[[], None]


class Subject(ABC):
    """A `Pi` and the means to script its turns."""

    pi: Agent

    @abstractmethod
    def will_say(self, text: str) -> None: ...

    @abstractmethod
    def will_fail(self, words: str) -> None: ...

    @abstractmethod
    def will_hang(self, before: Happening) -> None:
        """Never end a turn; something happens outside once it has started."""


class FakeSubject(Subject):
    def __init__(self) -> None:
        self.pi = self._fake = ScriptedAgent()

    def will_say(self, text: str) -> None:
        self._fake.will_say(text)

    def will_fail(self, words: str) -> None:
        self._fake.will_fail(words)

    def will_hang(self, before: Happening) -> None:
        self._fake.will_hang(before=before)


class RealSubject(Subject):
    """Scripts the turns by their prompts, as a pi that is ended early never asks its model."""

    def __init__(self, pi: Agent, replies: RepliesByPrompt) -> None:
        self.pi = pi
        self._replies = replies

    def will_say(self, text: str) -> None:
        self._replies.add(Reply.text(text))

    def will_fail(self, words: str) -> None:
        self._replies.add(Reply.error(400, words))

    def will_hang(self, before: Happening) -> None:
        self._replies.add(Reply.hang(), before)


class RepliesByPrompt:
    """Answers the prompts `one`, `two` and `three`, each with the reply that was added as such."""

    def __init__(self) -> None:
        self._turns: list[tuple[Reply, Happening]] = []

    def add(self, reply: Reply, before: Happening = lambda: None) -> None:
        self._turns.append((reply, before))

    def __call__(self, request: ModelRequest) -> Reply:
        reply, before = self._turns[PROMPTS.index(request.last_user_text)]
        before()
        return reply


PROMPTS = ("one", "two", "three")
REAL = {"rpc": real_pi, "print": real_print_pi}


@pytest.fixture(params=["fake", *(pytest.param(kind, marks=pytest.mark.pi) for kind in REAL)])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "fake":
        yield FakeSubject()
        return
    replies = RepliesByPrompt()
    command = request.getfixturevalue("pi_command")
    with REAL[request.param](command, tmp_path, replies) as (pi, _):
        yield RealSubject(pi, replies)


def soon() -> Wait:
    return Wait.for_seconds(60)


def nothing() -> None:
    """Let nothing happen."""


def test_every_prompt_gets_its_own_answer_or_its_own_failure(subject: Subject) -> None:
    subject.will_say("EARLIER ANSWER")
    subject.will_fail("no such model")
    subject.will_say("later answer")

    assert subject.pi.ask("one", soon()) == "EARLIER ANSWER"
    with pytest.raises(ToolFailed, match="no such model"):
        subject.pi.ask("two", soon())
    assert subject.pi.ask("three", soon()) == "later answer"


def test_every_turn_counts_towards_the_usage(subject: Subject) -> None:
    subject.will_say("an answer")
    subject.will_fail("no such model")
    before = subject.pi.usage
    assert before.turns == 0

    subject.pi.ask("one", soon())
    answered = subject.pi.usage
    with pytest.raises(ToolFailed):
        subject.pi.ask("two", soon())

    one = answered.since(before)
    assert (one.turns, subject.pi.usage.since(answered).turns) == (1, 1)
    assert one.seconds > 0
    assert one.unreported_turns or one.tokens.total > 0


def test_a_turn_out_of_time_leaves_the_conversation_usable(subject: Subject) -> None:
    subject.pi.begin()
    subject.will_hang(before=nothing)
    subject.will_say("still here")

    with pytest.raises(ToolTimeout):
        subject.pi.ask("one", Wait.for_seconds(1))
    assert subject.pi.ask("two", soon()) == "still here"


def test_a_turn_without_time_or_without_a_caller_is_not_started(subject: Subject) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(ToolTimeout):
        subject.pi.ask("one", Wait.for_seconds(0))
    with pytest.raises(Cancelled):
        subject.pi.ask("one", Wait.for_seconds(60, cancellation))


def test_a_turn_is_cancelled_while_it_runs(subject: Subject) -> None:
    cancellation = Cancellation()
    subject.will_hang(before=lambda: cancellation.cancel(CancelReason.TERMINATED))
    subject.will_say("still here")

    with pytest.raises(Cancelled) as caught:
        subject.pi.ask("one", Wait.for_seconds(60, cancellation))

    assert caught.value.reason is CancelReason.TERMINATED
    assert subject.pi.ask("two", soon()) == "still here"


def test_a_listener_hears_the_whole_answer(subject: Subject) -> None:
    answer = "streamed " * 40 + "done"
    heard: list[str] = []
    subject.will_say(answer)

    assert subject.pi.ask("one", soon(), heard.append) == answer
    assert "".join(heard) == answer


def test_the_selected_model_is_among_the_usable_ones_and_its_name_resolves_to_it(
    subject: Subject,
) -> None:
    subject.will_say("EARLIER ANSWER")
    subject.pi.ask("one", soon())

    found = subject.pi.list_models(soon())

    assert found.is_usable
    assert found.selected in found.usable
    assert subject.pi.list_models(soon(), from_cache=True).selected == found.selected
    assert subject.pi.resolve_model(None, str(found.selected), soon()) == found.selected


def test_the_version_is_known_once_it_has_started(subject: Subject) -> None:
    assert subject.pi.version is None

    subject.pi.begin()
    subject.pi.begin()

    assert re.fullmatch(r"\d+\.\d+\.\d+", subject.pi.version or "")


def test_a_closed_conversation_answers_nothing_and_may_be_closed_again(subject: Subject) -> None:
    subject.pi.begin()

    subject.pi.close(soon())
    subject.pi.close(soon())

    with pytest.raises(ToolFailed):
        subject.pi.ask("one", soon())
    with pytest.raises(ToolFailed):
        subject.pi.begin()


@pytest.mark.parametrize(("session", "remembered"), [("rpc", True), ("print", False)])
def test_only_a_conversation_remembers_its_earlier_turns(
    session: str, pi_command: str, tmp_path: Path, *, remembered: bool
) -> None:
    with REAL[session](pi_command, tmp_path, lambda _: Reply.text("noted")) as (pi, model):
        pi.ask("The word is apple.", soon())
        pi.ask("What is the word?", soon())

        assert ("apple" in str(model.requests[1].messages)) is remembered
