"""The client with a process a turn against a small program that ends as its prompt says."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.errors import ProtocolError, ToolFailed, ToolTimeout
from millracer.pi import one_shot
from millracer.pi.one_shot import PrintPi
from millracer.pi.options import PiOptions
from tests.support.cli import wait_until
from tests.support.processes import children

CHILD = Path(__file__).parents[2] / "children" / "pi_printing.py"
Start = Callable[..., PrintPi]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that makes a session with the child; all are closed at the end."""
    started: list[PrintPi] = []

    def make(*flags: str, **options: object) -> PrintPi:
        argv = (sys.executable, str(CHILD))
        settings = {"cwd": tmp_path, "extra_arguments": flags, **options}
        pi = PrintPi(PiOptions(argv=argv, **settings))
        started.append(pi)
        return pi

    yield make
    for pi in started:
        pi.close(Wait.for_seconds(20))


def soon() -> Wait:
    return Wait.for_seconds(60)


@pytest.mark.parametrize(
    "prompt", ["-x --help", "--", "@file", "two\n\nlines", "a\u2028b", "x" * 1_200_000]
)
def test_a_prompt_is_not_an_argument_and_an_answer_of_any_size_is_whole(
    start: Start, prompt: str
) -> None:
    assert start().ask(prompt, soon()) == prompt


@pytest.mark.parametrize("prompt", ["/compact now", "\n /skill:any thing"])
def test_a_prompt_that_looks_like_a_command_is_kept_from_being_one(
    start: Start, prompt: str
) -> None:
    assert start().ask(prompt, soon()) == f"The prompt:\n{prompt}"


def test_pi_is_started_with_the_options_and_no_flag_precedes_the_prompt(
    start: Start, tmp_path: Path
) -> None:
    env = {**os.environ, "GREETING": "good day"}
    skills = (Path("/skills/a"),)
    pi = start("--x", env=env, provider="p", model="m", thinking="low", skills=skills)

    printed = pi.ask("environment", soon()).splitlines()

    assert printed == [
        *("--print", "--no-session", "--thinking", "low", "--provider", "p", "--model", "m"),
        *("--skill", "/skills/a", "--x"),
        str(tmp_path),
        "good day",
    ]


@pytest.mark.parametrize(
    ("prompt", "code", "words"),
    [
        ("nothing", "pi_answer_empty", "without an answer"),
        ("fail", "pi_failed", "429 slow down"),
        ("refuse", "pi_failed", "401 who are you"),
        ("die", "pi_died", "signal 9"),
        ("no text", "pi_protocol_error", "not UTF-8"),
    ],
)
def test_a_turn_without_an_answer_is_an_error_in_pis_words(
    start: Start, prompt: str, code: str, words: str
) -> None:
    pi = start()

    with pytest.raises((ToolFailed, ProtocolError), match=words) as caught:
        pi.ask(prompt, soon())

    assert caught.value.code == code
    assert pi.ask("one", soon()) == "one"


def test_refused_credentials_name_the_next_step(start: Start) -> None:
    with pytest.raises(ToolFailed) as caught:
        start().ask("refuse", soon())

    assert "/login" in (caught.value.suggested_action or "")


def test_a_pi_that_never_reads_its_prompt_is_reported_in_its_own_words(start: Start) -> None:
    with pytest.raises(ToolFailed, match="Error: out of luck"):
        start("--does-not-read").ask("x" * 1_200_000, soon())


def test_warnings_are_notices_whether_the_turn_fails_or_not(start: Start) -> None:
    pi = start()

    assert pi.ask("flood", soon()) == "heard"
    with pytest.raises(ToolFailed):
        pi.ask("fail", soon())

    assert [str(notice) for notice in pi.notices] == [
        "pi_warning: much was said.",
        "pi_warning: Model \ufffd not found.",
    ]


def test_an_answer_without_end_is_not_kept(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot, "_ANSWER_LIMIT_BYTES", 1_000_000)

    with pytest.raises(ProtocolError, match="longer than"):
        start().ask("too much", soon())

    assert children() == []


def test_a_listener_hears_the_whole_answer_once(start: Start) -> None:
    heard: list[str] = []

    start().ask("one\ntwo", soon(), heard.append)

    assert heard == ["one\ntwo"]


@pytest.mark.parametrize("tool", ["leave a tool", "leave a chatterbox"])
def test_a_tool_that_outlives_its_turn_holds_nothing_up_and_is_ended(
    start: Start, tmp_path: Path, tool: str
) -> None:
    assert start().ask(tool, Wait.for_seconds(15)) == "left"
    assert not lives(tmp_path)


def test_a_pi_that_never_reads_a_large_prompt_cannot_outlast_its_turn(start: Start) -> None:
    with pytest.raises(ToolTimeout):
        start("--never-reads").ask("x" * 1_200_000, Wait.for_seconds(1))

    assert children() == []


def test_a_turn_out_of_time_ends_pi_and_its_deaf_tool(start: Start, tmp_path: Path) -> None:
    with pytest.raises(ToolTimeout):
        start().ask("hang", Wait.for_seconds(3))

    assert not lives(tmp_path)
    assert children() == []


def test_a_cancelled_turn_ends_pi_and_its_deaf_tool(start: Start, tmp_path: Path) -> None:
    cancellation = Cancellation()
    caller = threading.Thread(
        target=when_the_tool_runs,
        args=(tmp_path, lambda: cancellation.cancel(CancelReason.TERMINATED)),
    )
    caller.start()
    try:
        with pytest.raises(Cancelled):
            start().ask("hang", Wait.for_seconds(60, cancellation))
    finally:
        caller.join()

    assert not lives(tmp_path)
    assert children() == []


def test_closing_from_another_thread_ends_the_turn_and_all_it_started(
    start: Start, tmp_path: Path
) -> None:
    pi = start()
    closing = threading.Thread(
        target=when_the_tool_runs, args=(tmp_path, lambda: pi.close(Wait.for_seconds(20)))
    )
    closing.start()
    try:
        with pytest.raises(ToolFailed, match="closed"):
            pi.ask("hang", soon())
    finally:
        closing.join()

    assert not lives(tmp_path)


def when_the_tool_runs(folder: Path, happening: Callable[[], object]) -> None:
    wait_until((folder / "tool").exists, "the tool starts")
    happening()


def lives(folder: Path) -> bool:
    """Whether the tool that noted its pid in the folder lives; it has to have been started."""
    pid = int((folder / "tool").read_text())
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
