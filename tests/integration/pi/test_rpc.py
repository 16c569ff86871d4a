"""The client against small programs that behave as no real pi should."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.errors import MillracerError, ProtocolError, ToolFailed, ToolTimeout, ToolUnsupported
from millracer.pi import exchange, rpc
from millracer.pi.options import PiOptions
from millracer.pi.rpc import RpcPi
from tests.support.processes import children

CHILDREN = Path(__file__).parents[2] / "children"
Start = Callable[..., RpcPi]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that makes a conversation with a child; all are closed at the end."""
    started: list[RpcPi] = []

    def make(child: str, *flags: str, **options: object) -> RpcPi:
        argv = (sys.executable, str(CHILDREN / f"pi_{child}.py"))
        settings = {"cwd": tmp_path, "extra_arguments": flags, **options}
        pi = RpcPi(PiOptions(argv=argv, **settings))
        started.append(pi)
        return pi

    yield make
    for pi in started:
        pi.close(Wait.for_seconds(20))


def soon() -> Wait:
    return Wait.for_seconds(20)


def test_the_answer_is_the_whole_text_whatever_characters_it_holds(start: Start) -> None:
    pi = start("polite")

    assert pi.ask("one", soon()) == "a\u2028b\u2029c one"
    assert pi.ask("-two\n@x", soon()) == "a\u2028b\u2029c -two\n@x"
    assert pi.version == "0.73.1"
    assert pi.notices == ()


def test_pi_is_started_with_the_options(start: Start, tmp_path: Path) -> None:
    env = {**os.environ, "GREETING": "good day"}
    skills = (Path("/skills/a"), Path("/skills/b/SKILL.md"))
    pi = start("polite", "--x", env=env, provider="p", model="m", thinking="low", skills=skills)

    printed = pi.ask("environment", soon()).splitlines()

    assert printed == [
        *("--mode", "rpc", "--no-session", "--thinking", "low", "--provider", "p", "--model", "m"),
        *("--skill", "/skills/a", "--skill", "/skills/b/SKILL.md", "--x"),
        str(tmp_path),
        "good day",
    ]


def test_a_prompt_that_looks_like_a_command_is_kept_from_being_one(start: Start) -> None:
    assert start("polite").ask("/compact", soon()) == "a\u2028b\u2029c \n/compact"


def test_a_listener_hears_the_answer_as_it_is_written(start: Start) -> None:
    heard: list[str] = []
    pi = start("polite")

    answer = pi.ask("one", soon(), heard.append)
    pi.ask("two", soon())

    assert heard == [answer[:3], answer[3:]]


def test_a_prompt_and_an_answer_of_twenty_megabytes_are_whole(start: Start) -> None:
    large = "é \u2028" * 3_400_000

    assert start("polite").ask(large, soon()) == f"a\u2028b\u2029c {large}"


def test_floods_of_stderr_and_lines_of_others_disturb_nothing(start: Start) -> None:
    pi = start("noisy")

    assert pi.ask("one", soon()) == "heard"
    assert [str(notice) for notice in pi.notices] == ['pi_warning: Model "x" not found.']


def test_a_pi_that_dies_at_start_is_reported_in_its_own_words(start: Start) -> None:
    pi = start("dying", "--at-start")
    pi.begin()

    with pytest.raises(ToolFailed, match='Unknown provider \ufffd "x"') as caught:
        pi.ask("one", soon())

    assert caught.value.code == "pi_unknown_provider"
    assert "\x1b" not in caught.value.message + caught.value.detail


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("half a line", "3.*Error: out of"), ("by a signal", "9")],
)
def test_a_pi_that_dies_in_its_turn_fails_it_and_the_next_turn_has_a_new_one(
    start: Start, prompt: str, words: str
) -> None:
    pi = start("dying")

    with pytest.raises(ToolFailed, match=words) as caught:
        pi.ask(prompt, soon())

    assert caught.value.code == "pi_died"
    assert pi.notices == ()
    assert pi.ask("you", soon()) == "alive: you"
    assert [notice.code for notice in pi.notices] == ["pi_restarted"]


def test_a_pi_that_left_between_the_turns_is_started_again(start: Start) -> None:
    pi = start("dying")
    assert pi.ask("after the answer", soon()) == "alive: after the answer"
    psutil.wait_procs(children(), timeout=10)

    assert pi.ask("you", soon()) == "alive: you"


def test_a_pi_that_never_becomes_ready_has_a_limit_of_its_own(start: Start) -> None:
    pi = start("silent", start_timeout_seconds=1.0)

    with pytest.raises(ToolFailed, match=r"\d s\b") as caught:
        pi.ask("one", Wait.for_seconds(3600))

    assert caught.value.code == "pi_start_failed"
    assert children() == []


def test_a_pi_that_never_becomes_ready_is_given_no_longer_than_the_turn(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "LEAST_START_SECONDS", 0.1)
    pi = start("silent")

    with pytest.raises(ToolFailed, match=r"\d s\b"):
        pi.ask("one", Wait.for_seconds(1.0))


def test_a_cold_start_takes_nothing_from_the_time_of_the_turn(start: Start) -> None:
    pi = start("polite", "--slow-start")
    pi.begin()

    assert pi.ask("one", Wait.for_seconds(1.0)) == "a\u2028b\u2029c one"


def test_waiting_for_the_start_can_be_cancelled(start: Start) -> None:
    cancellation = Cancellation()
    pi = start("silent")
    pi.begin()
    threading.Timer(0.2, cancellation.cancel, [CancelReason.INTERRUPTED]).start()

    with pytest.raises(Cancelled):
        pi.ask("one", Wait.for_seconds(3600, cancellation))


def test_a_retry_is_waited_for_and_no_earlier_answer_is_taken(start: Start) -> None:
    pi = start("retrying")

    assert pi.ask("first", soon()) == "EARLIER ANSWER"
    assert pi.ask("second", soon()) == "RIGHT ANSWER"


def test_every_dialog_is_cancelled_at_once(start: Start) -> None:
    answers = json.loads(start("asking").ask("go", soon()))

    assert answers == [
        {"type": "extension_ui_response", "id": f"ui-{method}", "cancelled": True}
        for method in ("input", "confirm", "select", "editor")
    ]


def test_a_turn_out_of_time_is_aborted_and_the_conversation_continues(start: Start) -> None:
    pi = start("hanging")
    heard: list[str] = []

    with pytest.raises(ToolTimeout):
        pi.ask("say", Wait.for_seconds(0.5), heard.append)

    assert heard == ["begun"]
    assert pi.ask("well", soon()) == "well"
    assert pi.notices == ()


def test_a_pi_that_does_not_abort_is_replaced(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "ABORT_SECONDS", 0.5)
    pi = start("hanging")

    with pytest.raises(ToolTimeout):
        pi.ask("deaf", Wait.for_seconds(0.5))

    assert children() == []
    assert pi.ask("well", soon()) == "well"
    assert [notice.code for notice in pi.notices] == ["pi_restarted"]


def test_a_cancelled_turn_is_aborted(start: Start) -> None:
    cancellation = Cancellation()
    pi = start("hanging")

    def cancel(_text: str) -> None:
        cancellation.cancel(CancelReason.TERMINATED)

    with pytest.raises(Cancelled):
        pi.ask("say", Wait.for_seconds(3600, cancellation), cancel)

    assert pi.ask("well", soon()) == "well"
    assert pi.notices == ()


def test_a_listener_that_fails_fails_the_turn_and_not_the_conversation(start: Start) -> None:
    pi = start("hanging")

    def fail(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="begun"):
        pi.ask("say", soon(), fail)

    assert pi.ask("well", soon()) == "well"


def test_a_prompt_an_extension_took_is_neither_an_answer_nor_a_hang(start: Start) -> None:
    with pytest.raises(ToolFailed) as caught:
        start("hanging").ask("handled", soon())

    assert caught.value.code == "pi_prompt_handled"


def test_a_frame_outside_the_protocol_is_an_error_with_its_raw_text(start: Start) -> None:
    pi = start("hanging")

    with pytest.raises(ProtocolError) as caught:
        pi.ask("odd", soon())

    assert '"role": "assistant"' in caught.value.raw
    assert pi.ask("well", soon()) == "well"


def test_a_pi_that_stops_answering_questions_is_ended(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "SILENCE_SECONDS", 0.5)

    with pytest.raises(ToolFailed, match="has not answered") as caught:
        start("mute").ask("one", Wait.for_seconds(3600))

    assert caught.value.code == "pi_silent"


def test_close_ends_a_pi_that_ignores_everything_and_what_it_started(start: Start) -> None:
    pi = start("stubborn")
    child = psutil.Process(int(pi.ask("start one", soon())))

    pi.close(Wait.for_seconds(20))

    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert children() == []


def test_close_in_a_hurry_kills_at_once(start: Start) -> None:
    pi = start("stubborn")
    child = psutil.Process(int(pi.ask("start one", soon())))
    urgent = Cancellation()
    urgent.cancel(CancelReason.INTERRUPTED)

    pi.close(Wait.for_seconds(3600, urgent))

    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert children() == []


def test_close_from_another_thread_ends_the_turn_that_is_asked(
    start: Start, tmp_path: Path
) -> None:
    pi = start("hanging")
    closing = threading.Thread(target=pi.close, args=[Wait.for_seconds(20)])
    try:
        with pytest.raises(ToolFailed, match="closed") as caught:
            pi.ask("say", Wait.for_seconds(3600), lambda _text: closing.start())
    finally:
        closing.join()

    assert caught.value.code == "pi_closed"
    assert (tmp_path / "aborted").exists()


def test_a_closed_conversation_stays_closed(start: Start) -> None:
    pi = start("polite")
    pi.close(soon())
    pi.close(soon())

    with pytest.raises(ToolFailed, match="closed"):
        pi.ask("one", soon())
    with pytest.raises(ToolFailed, match="closed"):
        pi.begin()


def test_a_turn_without_time_starts_nothing(start: Start) -> None:
    pi = start("polite")

    with pytest.raises(ToolTimeout):
        pi.ask("one", Wait.for_seconds(0))

    assert pi.version is None


@pytest.mark.parametrize(
    ("version", "provider", "refusal"),
    [("0.67.67", None, "0.67.67"), ("1.0.0", "p", "model")],
)
def test_what_this_version_cannot_do_is_refused_before_it_is_started(
    tmp_path: Path, version: str, provider: str | None, refusal: str
) -> None:
    pi = RpcPi(PiOptions(argv=(fake_version(tmp_path, version),), cwd=tmp_path, provider=provider))

    with pytest.raises(MillracerError, match=refusal):
        pi.begin()

    assert pi.version == version
    assert children() == []


def test_a_newer_version_is_started_with_a_warning(tmp_path: Path) -> None:
    pi = RpcPi(PiOptions(argv=(fake_version(tmp_path, "1.7.0"),), cwd=tmp_path))
    try:
        pi.begin()
        pi.begin()

        assert [notice.code for notice in pi.notices] == ["pi_untested"]
        assert len(children()) == 1
    finally:
        pi.close(soon())


def test_an_unsupported_version_is_of_its_own_class(tmp_path: Path) -> None:
    pi = RpcPi(PiOptions(argv=(fake_version(tmp_path, "0.60.0"),), cwd=tmp_path))

    with pytest.raises(ToolUnsupported):
        pi.begin()


def fake_version(folder: Path, version: str) -> str:
    program = folder / "pi"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit\ncat >/dev/null\n'
    )
    program.chmod(0o755)
    return str(program)
