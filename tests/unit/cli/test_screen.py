"""What a person sees of a task, where it cannot be shown."""

import sys
from pathlib import Path

import pytest

from millracer.cli.operator.screen import TaskScreen
from millracer.cli.terminal.stdout import OutputLost, own_standard_output, silence_standard_output


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
