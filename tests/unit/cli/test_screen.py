"""What a person sees of a task, where it cannot be shown."""

import sys
from pathlib import Path

import pytest

from millracer.cli.terminal.stdout import OutputLost, own_standard_output, silence_standard_output
from millracer.cli.terminal.task_screen import TaskScreen
from millracer.ports import ToolCall


def test_words_that_find_no_room_do_not_end_the_turn_and_are_reported_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        own_standard_output()
        screen = TaskScreen()
        screen.stream("pi's own words\n" * 1000)

        with pytest.raises(OutputLost, match="No space left"):
            screen.end()
        silence_standard_output()
        sys.stdout.close()


def test_an_answer_is_rendered_block_by_block_as_it_arrives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = TaskScreen()

    screen.stream("# Ti")
    assert capsys.readouterr().out == ""
    screen.stream("tle\n\n```\na\n")
    assert capsys.readouterr().out.split() == ["\x1b[1;4mTitle\x1b[0m"]
    screen.stream("\nb\n```")
    assert capsys.readouterr().out == ""
    screen.stream(ToolCall("bash", "ls\x1b[31m\nsecond line"))
    assert capsys.readouterr().err == "  bash ls\ufffd[31m\n"
    screen.end()
    assert capsys.readouterr().out.split() == ["a", "b"]
    assert screen.streamed


def test_a_pipe_gets_the_answer_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    screen = TaskScreen()
    for piece in ("# Ti", "tle\n\n**b", "old**"):
        screen.stream(piece)
    screen.end()

    assert capsys.readouterr().out == "# Title\n\n**bold**\n"
