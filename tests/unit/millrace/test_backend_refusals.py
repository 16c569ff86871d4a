"""What is advised after a failed call of `millrace`."""

from __future__ import annotations

import pytest

from millracer.millrace.commands.calls import refusal
from millracer.system.processes import Completed

_FRAME = "│ /opt/millrace_ai/workspace/events.py:121 in find_latest_runtime_event │\n"


def _advice(*words: str, program: tuple[str, ...] = ("millrace",), stderr: str = "it broke") -> str:
    completed = Completed(
        argv=(*program, *words, "--workspace", "/w"),
        exit_code=1,
        stdout="",
        stderr=stderr,
        elapsed_seconds=0.0,
    )
    return str(refusal(completed).suggested_action)


@pytest.mark.parametrize("program", [("millrace",), ("python", "millrace")])
@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("status", "--format", "json"),
        ("doctor",),
        ("queue", "ls"),
        ("control", "stop"),
    ],
)
def test_no_advice_names_the_command_that_failed(
    words: tuple[str, ...], program: tuple[str, ...]
) -> None:
    advice = _advice(*words, program=program)

    assert "`millrace " in advice
    assert f"`millrace {words[0]}" not in advice


@pytest.mark.parametrize(
    "stderr",
    [
        "ValueError: runtime event log contains malformed JSON\n",
        "ValueError: runtime event payload must be an object\n",
        f"{_FRAME}UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0\n",
    ],
)
def test_a_damaged_event_log_is_named_with_its_fix(stderr: str) -> None:
    advice = _advice("status", "--format", "json", stderr=stderr)

    assert "move millrace-agents/logs/runtime_events.jsonl" in advice
