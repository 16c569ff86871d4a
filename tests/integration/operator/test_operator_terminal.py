"""`millracer operator` on a terminal, with a stand-in for pi: keys, history, what is shown."""

from __future__ import annotations

import os
import re
import signal
import stat
import termios
import threading
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from tests.support.operator_cli import (
    ALT_ENTER,
    CTRL_BACKSLASH,
    CTRL_C,
    CTRL_D,
    ENTER,
    PASTE_BEGINS,
    PASTE_ENDS,
    TAB,
    UP,
    OperatorCaller,
    gone,
    wait_for,
)

DONE = r"completed · [^·\n]+ · [\d.]+ s"
#: What begins a line of plain progress.
_ELAPSED = re.compile(r"\[ *\d+\.\ds\] ")
#: What gives a colour; attributes such as dim are none.
_COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


def kept_history(caller: OperatorCaller) -> str:
    return (caller.state / "operator_history").read_text(encoding="utf-8")


@pytest.mark.parametrize("how", [CTRL_D, "/exit" + ENTER, "/quit" + ENTER])
def test_it_says_it_is_ready_and_each_way_out_has_code_0(caller: OperatorCaller, how: str) -> None:
    with caller.terminal() as terminal:
        said = terminal.prompts()
        assert "/exit" in said.splitlines()[0]
        assert str(caller.cwd) in said.replace("\n", "")

        assert terminal.leave(how) == 0

        assert "Traceback" not in terminal.last


def test_an_answer_its_end_and_a_blank_line_stand_before_the_next_prompt(
    caller: OperatorCaller,
) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()

        said = terminal.enter("do it", DONE)

        lines = said.splitlines()
        assert [line[:9] for line in lines[-4:]] == ["answer 1 ", "✓ complet", "", "millracer"]
        assert terminal.leave() == 0


def test_a_line_that_was_seen_before_it_was_sent_is_waited_for(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("be slow")
        terminal.says("be slow")
        terminal.type(ENTER)

        assert "answer 1" in terminal.prompts()

        assert terminal.leave(CTRL_D) == 0


def test_a_task_is_kept_for_later_sessions_readable_by_its_owner_alone(
    caller: OperatorCaller,
) -> None:
    previous = os.umask(0)
    try:
        with caller.terminal() as terminal:
            terminal.prompts()
            terminal.enter("remember me", DONE)
            terminal.leave()
    finally:
        os.umask(previous)

    assert "+remember me" in kept_history(caller)
    assert stat.S_IMODE((caller.state / "operator_history").stat().st_mode) == 0o600
    assert stat.S_IMODE(caller.state.stat().st_mode) == 0o700
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type(UP)
        terminal.says("remember me")
        terminal.enter("", "answer 1")
        assert terminal.leave() == 0


def test_a_history_that_cannot_be_written_does_not_end_a_session(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        (caller.state / "operator_history").unlink()
        (caller.state / "operator_history").mkdir()

        assert "exception" not in terminal.enter("do it", DONE)

        assert terminal.leave() == 0


def test_bytes_that_are_not_text_are_replaced(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        os.write(terminal.child.child_fd, b"repeat odd \xff byte")

        terminal.type(ENTER)
        terminal.says(r"\[millracer:direct\]")
        assert "repeat odd ? byte" in terminal.says(DONE)
        terminal.prompts()

        assert terminal.leave() == 0
    assert "+repeat odd ? byte" in kept_history(caller)


def test_a_pasted_block_is_one_task(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type(f"{PASTE_BEGINS}first\r\n  second\rthird\n{PASTE_ENDS}")

        terminal.enter("", "answer 1", DONE)

        assert "answer 2" in terminal.enter("and now?", DONE)
        terminal.leave()
    assert "+first\n+  second\n+third\n" in kept_history(caller)


def test_alt_enter_begins_a_new_line(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("first" + ALT_ENTER + "second")

        terminal.enter("", "answer 1", DONE)

        terminal.leave()
    assert "+first\n+second\n" in kept_history(caller)


def test_ctrl_c_at_the_prompt_clears_the_line_and_nothing_is_sent(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("half a th")
        terminal.says("half a th")
        terminal.type(CTRL_C)
        terminal.prompts()

        assert "answer 1" in terminal.enter("do it", DONE)

        assert terminal.leave() == 0
    assert "half" not in kept_history(caller)


def test_an_interrupt_from_outside_clears_the_line_too(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        os.kill(terminal.child.pid, signal.SIGINT)
        terminal.prompts()

        assert terminal.leave() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_at_the_prompt_ends_it_and_gives_the_terminal_back(
    caller: OperatorCaller, number: signal.Signals
) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.enter("do it", DONE)
        os.kill(terminal.child.pid, number)

        assert terminal.ended() == 143

        assert "Traceback" not in terminal.last
        assert termios.tcgetattr(terminal.child.child_fd)[3] & termios.ECHO


def test_ctrl_backslash_while_pi_works_ends_everything_and_gives_the_terminal_back(
    caller: OperatorCaller,
) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("please hang" + ENTER)
        terminal.says("begun")
        (pi,) = terminal.pis

        terminal.type(CTRL_BACKSLASH)

        assert terminal.ended() == 143
        assert gone(pi)
        assert termios.tcgetattr(terminal.child.child_fd)[3] & termios.ECHO


def test_a_terminal_that_is_closed_ends_everything(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.enter("do it", DONE)
        process, (pi,) = terminal.process, terminal.pis

        with suppress(pexpect.ExceptionPexpect):  # it does not wait for long
            terminal.child.close(force=False)

        wait_for(lambda: gone(process.pid), "the session ends")
        wait_for(lambda: gone(pi), "its conversation ends")


def test_ctrl_c_while_pi_works_returns_to_the_prompt_and_the_conversation_continues(
    caller: OperatorCaller,
) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("please hang" + ENTER)
        terminal.says("begun")
        (pi,) = terminal.pis

        terminal.type(CTRL_C)

        assert terminal.says(r"cancelled · [\d.]+ s").count("begun") == 0
        terminal.prompts()
        assert f"answer 2 of {pi}" in terminal.enter("go on", DONE)
        assert terminal.leave() == 0


def test_what_is_typed_while_a_task_runs_is_not_shown_and_comes_to_the_next_prompt(
    caller: OperatorCaller,
) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("be slow" + ENTER)
        terminal.says("direct · ")
        terminal.type("typed ahead")

        said = terminal.says(DONE)
        terminal.prompts()

        assert "typed" not in said
        terminal.says("typed ahead")
        terminal.enter("", "answer 2", DONE)
        assert terminal.leave() == 0
    assert "+typed ahead" in kept_history(caller)


def test_the_terminal_echoes_nothing_between_two_prompts(caller: OperatorCaller) -> None:
    """A terminal's answer to Ctrl-L in typed-ahead text would be shown as `^[[1;1R`."""
    echoed = threading.Event()
    over = threading.Event()

    def poll(descriptor: int) -> None:
        while not over.is_set():
            if termios.tcgetattr(descriptor)[3] & termios.ECHO:
                echoed.set()

    with caller.terminal() as terminal:
        terminal.prompts()
        watching = threading.Thread(target=poll, args=(terminal.child.child_fd,))
        watching.start()
        try:
            for number in range(1, 7):
                terminal.enter(f"task {number}", f"answer {number}", DONE)
        finally:
            over.set()
            watching.join()
        assert terminal.leave() == 0
    assert not echoed.is_set()


def test_a_whole_line_typed_while_a_task_runs_is_the_next_task(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("be slow" + ENTER)
        terminal.says("direct · ")
        terminal.type("next" + ENTER)

        terminal.says("answer 1", DONE, "next", "answer 2", DONE)

        terminal.prompts()
        assert terminal.leave() == 0


def test_tab_completes_commands_and_what_follows_them(
    caller: OperatorCaller, tmp_path: Path
) -> None:
    folder = tmp_path / "a-folder-to-find"
    folder.mkdir()
    with caller.terminal(columns=200) as terminal:
        terminal.prompts()
        terminal.type("/ro" + TAB)
        terminal.says("ute")
        terminal.type(" mi" + TAB)
        assert "route millrace" in terminal.enter("", "route millrace")
        terminal.type(f"/workspace {tmp_path}/a-fo" + TAB)
        assert str(folder) in terminal.enter("", f"{folder}.* · ")
        terminal.type("/xyz" + TAB)
        assert "/xyz" in terminal.enter("", "/help")
        assert terminal.leave() == 0


def test_errors_are_a_message_and_the_prompt_again(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()

        for line, said in (
            ("refuse", r"error\W.*401 no API key"),
            ("die", "failed"),
            ("/status nowhere", "no Millrace workspace yet"),
            ("/route sideways", r"error\W.*/route takes"),
            ("/statsu", "did you mean /status"),
        ):
            assert "Traceback" not in terminal.enter(line, said)

        assert "answer 1" in terminal.enter("still there?", r"warning:\S* pi_restarted", DONE)
        assert terminal.leave() == 0


# what terminals show


def test_the_live_line_is_taken_away_before_the_answer(caller: OperatorCaller) -> None:
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("hang" + ENTER)
        terminal.child.expect("direct · ")
        terminal.child.expect("begun")
        assert "\x1b[2K" in terminal.child.before
        terminal.type(CTRL_C)
        terminal.child.expect("cancelled")

        assert "direct · " not in terminal.child.before
        assert "\x1b[2K" not in terminal.child.before
        terminal.prompts()
        terminal.leave()


@pytest.mark.parametrize(
    ("columns", "variables"), [(80, {"TERM": "dumb"}), (40, {}), (80, {"NO_COLOR": "1"}), (80, {})]
)
def test_progress_fits_the_terminal(
    caller: OperatorCaller, columns: int, variables: dict[str, str]
) -> None:
    live = columns >= 50 and variables.get("TERM") != "dumb"
    with caller.terminal(columns=columns, **variables) as terminal:
        terminal.prompts()
        terminal.type("do it" + ENTER)
        terminal.child.expect("completed")
        raw = terminal.child.before
        terminal.prompts()
        assert terminal.leave() == 0

    shown = raw.partition("do it")[2]
    assert bool(_ELAPSED.search(shown)) is not live
    assert "\x1b[2K" in shown if live else "\x1b[2K" not in shown
    if variables.get("TERM") == "dumb":
        assert "\x1b" not in raw
    if "NO_COLOR" in variables:
        assert not _COLOUR.search(raw)


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm"}])
def test_answers_cannot_steer_the_terminal(
    caller: OperatorCaller, variables: dict[str, str]
) -> None:
    with caller.terminal(**variables) as terminal:
        terminal.prompts()
        terminal.type("hostile" + ENTER)
        terminal.child.expect("end\r\n")
        raw = terminal.child.before

        assert "\ufffd[31mred\ufffd[0m \ufffdbell \ufffd2J" in raw
        assert "\x1b[31m" not in raw
        assert "\x07" not in raw
        terminal.leave()


def test_a_dumb_terminal_takes_lines_and_keys(caller: OperatorCaller) -> None:
    with caller.terminal(TERM="dumb") as terminal:
        terminal.prompts()
        assert "answer 1" in terminal.enter("do it", DONE)
        terminal.type("half")
        terminal.says("half")
        terminal.type(CTRL_C)
        terminal.prompts()
        terminal.type("hang" + ENTER)
        terminal.says("begun")
        terminal.type(CTRL_C)
        terminal.says("cancelled")
        terminal.prompts()
        os.write(terminal.child.child_fd, b"odd \xff byte")
        assert "answer 3" in terminal.enter("", DONE)

        assert terminal.leave() == 0
