from __future__ import annotations

import pytest

from millracer.cancellation import Wait
from millracer.testing.agent import ScriptedAgent


def test_a_turn_more_than_the_script_foresees_fails_loudly() -> None:
    pi = ScriptedAgent("one")
    pi.ask("first", Wait.for_seconds(1))

    with pytest.raises(AssertionError, match="second"):
        pi.ask("second", Wait.for_seconds(1))

    assert pi.prompts == ["first", "second"]


def test_an_empty_answer_cannot_be_scripted() -> None:
    with pytest.raises(ValueError, match="never answers with nothing"):
        ScriptedAgent(" ")


def test_a_hanging_turn_without_a_deadline_is_a_mistake_of_its_caller() -> None:
    pi = ScriptedAgent()
    pi.will_hang()

    with pytest.raises(AssertionError, match="no deadline"):
        pi.ask("one", Wait(Wait.for_seconds(1).cancellation))
