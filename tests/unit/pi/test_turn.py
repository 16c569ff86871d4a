from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.pi import frames as pi
from millracer.pi.turn import Action, AskState, EmitText, EmitToolCall, EndKind, Turn, TurnEnd

ASK = (AskState(),)
ACCEPTED = pi.Response(id="p", command="prompt", success=True)


def said(text: str, stop: str = "stop", error: str | None = None) -> pi.MessageEnd:
    content = (pi.ContentBlock(type="text", text=text),)
    message = pi.AssistantMessage(content=content, stop_reason=stop, error_message=error)
    return pi.MessageEnd(message=message)


def state(*, streaming: bool = False, compacting: bool = False, pending: int = 0) -> pi.Frame:
    data = pi.StateData(
        is_streaming=streaming, is_compacting=compacting, pending_message_count=pending
    )
    return pi.StateResponse(data=data)


def play(*frames: pi.Frame, turn: Turn | None = None) -> tuple[Turn, list[tuple[Action, ...]]]:
    turn = turn or Turn("p")
    return turn, [turn.receive(frame) for frame in frames]


def test_an_answer_is_finished_when_pi_is_at_rest_after_its_end() -> None:
    turn, actions = play(ACCEPTED, pi.AgentStart(), said("the answer"), pi.AgentEnd())

    assert turn.end is None
    assert actions == [ASK, (), (), ASK]

    play(state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.ANSWERED, text="the answer")


def test_newer_versions_say_themselves_that_they_are_done() -> None:
    turn, _ = play(ACCEPTED, pi.AgentStart(), said("yes"), pi.AgentEnd(), pi.AgentSettled())

    assert turn.end == TurnEnd(EndKind.ANSWERED, text="yes")


def test_pi_sleeping_before_a_retry_is_not_at_rest_although_it_says_so() -> None:
    turn, _ = play(
        ACCEPTED, pi.AgentStart(), said("", "error", "500"), pi.AgentEnd(), pi.RetryStart(), state()
    )

    assert turn.end is None

    play(pi.AgentStart(), said("right"), pi.RetryEnd(success=True), turn=turn)
    play(state(), turn=turn)

    assert turn.end is None, "the attempt has not ended"

    play(pi.AgentEnd(), state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.ANSWERED, text="right")


def test_retries_that_are_given_up_end_in_the_last_failure() -> None:
    turn, actions = play(
        ACCEPTED,
        pi.AgentStart(),
        said("", "error", "500 first"),
        pi.AgentEnd(),
        pi.RetryStart(),
        pi.AgentStart(),
        said("half", "error", "500 last"),
        pi.AgentEnd(),
        pi.RetryEnd(success=False),
    )

    assert actions[-1] == ASK

    play(state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.FAILED, words="500 last")


def test_a_retry_cancelled_in_its_sleep_ends_the_turn_without_another_attempt() -> None:
    turn, _ = play(ACCEPTED, pi.AgentStart(), said("", "error", "500"), pi.AgentEnd())
    play(pi.RetryStart(), pi.RetryEnd(success=False), state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.FAILED, words="500")


def test_an_end_that_announces_a_retry_is_not_an_end() -> None:
    _, actions = play(ACCEPTED, pi.AgentStart(), said("", "error"), pi.AgentEnd(will_retry=True))

    assert actions[-1] == ()


def test_an_overflow_is_finished_only_by_the_attempt_after_the_compaction() -> None:
    turn, _ = play(
        ACCEPTED,
        pi.AgentStart(),
        said("", "error", "context length exceeded"),
        pi.AgentEnd(will_retry=False),
        pi.CompactionStart(),
        state(),
        pi.CompactionEnd(will_retry=True),
        state(),
    )

    assert turn.end is None

    play(pi.AgentStart(), said("short"), pi.AgentEnd(), state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.ANSWERED, text="short")


def test_a_compaction_after_the_answer_is_waited_for() -> None:
    turn, _ = play(ACCEPTED, pi.AgentStart(), said("answer"), pi.AgentEnd(), pi.CompactionStart())
    play(state(), turn=turn)

    assert turn.end is None

    _, actions = play(pi.CompactionEnd(will_retry=False), state(), turn=turn)

    assert actions[0] == ASK
    assert turn.end == TurnEnd(EndKind.ANSWERED, text="answer")


@pytest.mark.parametrize("busy", [{"streaming": True}, {"compacting": True}, {"pending": 1}])
def test_pi_that_says_it_is_busy_is_not_finished(busy: dict[str, bool]) -> None:
    turn, _ = play(ACCEPTED, pi.AgentStart(), said("answer"), pi.AgentEnd(), state(**busy))

    assert turn.end is None


def test_what_belongs_to_an_earlier_prompt_is_never_the_answer() -> None:
    stale = (said("EARLIER ANSWER"), pi.AgentEnd(), pi.AgentSettled(), state())
    turn, actions = play(*stale, ACCEPTED, pi.AgentSettled())

    assert actions[:4] == [(), (), (), ()]
    assert turn.end is None

    play(pi.AgentStart(), pi.AgentEnd(), state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.EMPTY)


def test_the_answer_is_what_the_model_said_last() -> None:
    turn, _ = play(ACCEPTED, pi.AgentStart(), said("let me look", "toolUse"))
    play(pi.MessageEnd(message=pi.OtherMessage(role="toolResult")), turn=turn)
    play(said("found it"), pi.AgentEnd(), state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.ANSWERED, text="found it")


@pytest.mark.parametrize(
    ("message", "end"),
    [
        (said(""), TurnEnd(EndKind.EMPTY)),
        (said(" \n"), TurnEnd(EndKind.EMPTY)),
        (said("cut", "length"), TurnEnd(EndKind.TRUNCATED, words="length")),
        (said("half", "error", "dropped"), TurnEnd(EndKind.FAILED, words="dropped")),
        (said("half", "aborted"), TurnEnd(EndKind.ABORTED, words="aborted")),
        (said("wait", "toolUse"), TurnEnd(EndKind.UNFINISHED, words="toolUse")),
        (said("text", "pending"), TurnEnd(EndKind.UNFINISHED, words="pending")),
    ],
)
def test_a_turn_that_did_not_stop_by_itself_with_text_is_not_an_answer(
    message: pi.MessageEnd, end: TurnEnd
) -> None:
    turn, _ = play(ACCEPTED, pi.AgentStart(), message, pi.AgentEnd(), state())

    assert turn.end == end


def test_a_refused_prompt_ends_at_once_in_pis_words() -> None:
    turn, _ = play(pi.Response(id="p", success=False, error="No API key found"))

    assert turn.end == TurnEnd(EndKind.REJECTED, words="No API key found")


def test_a_command_pi_could_not_read_is_a_refused_prompt() -> None:
    turn, _ = play(pi.Response(command="parse", success=False, error="Failed to parse command"))

    assert turn.end == TurnEnd(EndKind.REJECTED, words="Failed to parse command")


def test_what_pi_could_not_read_later_does_not_refuse_an_accepted_prompt() -> None:
    turn, _ = play(ACCEPTED, pi.Response(command="parse", success=False, error="no JSON"))

    assert turn.end is None


def test_an_answer_to_another_command_neither_accepts_nor_refuses() -> None:
    turn, actions = play(
        pi.Response(id="other", success=True), pi.Response(id="other", success=False)
    )

    assert turn.end is None
    assert actions == [(), ()]


def test_a_prompt_an_extension_took_is_handled() -> None:
    taken = pi.PromptData(disposition="handled")
    turn, _ = play(pi.Response(id="p", success=True, data=taken))

    assert turn.end == TurnEnd(EndKind.HANDLED)


def test_older_versions_show_a_taken_prompt_by_starting_nothing() -> None:
    turn, actions = play(ACCEPTED, state())

    assert turn.end is None
    assert actions[-1] == (AskState(after_seconds=1.0),)

    play(state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.HANDLED)


def test_a_prompt_that_starts_late_is_not_taken_for_handled() -> None:
    turn, _ = play(ACCEPTED, state(), pi.AgentStart(), state(), said("late"), pi.AgentEnd())
    play(state(), turn=turn)

    assert turn.end == TurnEnd(EndKind.ANSWERED, text="late")


def test_text_is_passed_on_once_the_prompt_is_accepted() -> None:
    _, actions = play(pi.TextDelta(delta="old"), ACCEPTED, pi.TextDelta(delta="new"))

    assert actions == [(), ASK, (EmitText("new"),)]


def test_a_tool_call_is_passed_on_with_its_first_text() -> None:
    blocks = (
        {"type": "toolCall", "id": "1", "name": "bash", "arguments": {"n": 1, "command": "ls"}},
        {"type": "toolCall", "id": "2", "name": "read", "arguments": "none"},
        {"type": "toolCall", "id": "3"},
    )
    message = {"role": "assistant", "content": blocks, "stopReason": "toolUse"}
    frame = pi.MessageEnd.model_validate({"message": message})
    _, actions = play(ACCEPTED, pi.AgentStart(), frame)

    assert actions[-1] == (EmitToolCall("bash", "ls"), EmitToolCall("read", ""))


def test_the_texts_of_two_messages_are_streamed_with_a_line_break_between_them() -> None:
    texts = (pi.TextDelta(delta="I "), pi.TextDelta(delta="do it."), said("I do it."))
    again = (pi.TextDelta(delta="Done.\n"), said("Done.\n"), pi.TextDelta(delta="End"))

    _, actions = play(ACCEPTED, pi.AgentStart(), said(""), *texts, *again)

    streamed = [each.text for group in actions for each in group if isinstance(each, EmitText)]
    assert streamed == ["I ", "do it.", "\nDone.\n", "End"]


FRAMES = st.sampled_from(
    [
        ACCEPTED,
        pi.AgentStart(),
        pi.AgentEnd(),
        pi.AgentEnd(will_retry=True),
        pi.AgentSettled(),
        pi.RetryStart(),
        pi.RetryEnd(success=False),
        pi.RetryEnd(success=True),
        pi.CompactionStart(),
        pi.CompactionEnd(),
        pi.CompactionEnd(will_retry=True),
        said("answer"),
        said("", "error", "500"),
        said("cut", "length"),
        state(),
        state(streaming=True),
        pi.UiRequest(id="u", method="select"),
    ]
)


@given(st.lists(FRAMES, max_size=30))
def test_whatever_pi_says_an_answer_is_the_last_completed_message_of_a_closed_attempt(
    frames: list[pi.Frame],
) -> None:
    turn = Turn("p")
    last: pi.Frame | None = None
    accepted = False
    for frame in frames:
        turn.receive(frame)
        accepted = accepted or frame is ACCEPTED
        if accepted and isinstance(frame, pi.MessageEnd):
            last = frame
        if turn.end is not None:
            break

    if turn.end is not None and turn.end.kind is EndKind.ANSWERED:
        assert last == said("answer")
        starts = [type(frame) for frame in frames if isinstance(frame, pi.AgentStart)]
        assert starts
