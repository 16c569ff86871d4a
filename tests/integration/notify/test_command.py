"""Notifications to a real command: its input, its environment, and its end."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from millracer.domain.notifications import NotifyTarget
from millracer.domain.run.outcome import Outcome
from millracer.errors import RunWarning
from millracer.notify import notifications
from millracer.notify.notifications import Notifications
from tests.support.attempt_ends import attempt_end, wait
from tests.support.cli import wait_until

KEYS = {"ANTHROPIC_API_KEY": "sk-ant-1", "OTHER": "x", "HOOK_SECRET": "whsec_1"}


def notify(
    *command: str, home: Path, secret: str | None = None, document: str = "{}"
) -> tuple[RunWarning, ...]:
    target = NotifyTarget(outcomes=frozenset(Outcome), command=command, secret_variable=secret)
    environment = {**KEYS, "PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8"}
    sender = Notifications([target], environment)
    return sender.attempt_ended(attempt_end(document=document), wait())


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_a_command_reads_the_result_frame(tmp_path: Path) -> None:
    assert notify("sh", "-c", 'cat > "$1"', "-", str(tmp_path / "$out"), home=tmp_path) == ()

    frame = json.loads((tmp_path / "$out").read_text())
    assert (frame["event_type"], frame["event_id"]) == ("result", "9e8f127d-17~1")


def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    program = script(tmp_path / "say", 'printf "%s|" "$@" > words')

    assert notify(program, "$HOME", "a b; false", "*", home=tmp_path) == ()
    assert (tmp_path / "words").read_text() == "$HOME|a b; false|*|"


def test_a_command_that_reads_nothing_is_not_blocked_by_a_long_document(tmp_path: Path) -> None:
    document = json.dumps({"output": "x" * 1_000_000})

    assert notify("true", home=tmp_path, document=document) == ()


@pytest.mark.parametrize(("secret", "names"), [(None, set()), ("HOOK_SECRET", {"HOOK_SECRET"})])
def test_a_command_gets_no_keys_but_its_own(
    tmp_path: Path, secret: str | None, names: set[str]
) -> None:
    program = script(tmp_path / "say", "env > seen")

    assert notify(program, home=tmp_path, secret=secret) == ()
    seen = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert seen & set(KEYS) == names
    assert {"PATH", "HOME", "LC_ALL"} <= seen


def test_a_home_is_understood_and_is_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    script(tmp_path / "say", "pwd > where")

    assert notify("~/say", home=tmp_path) == ()
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)


def test_a_command_that_fails_is_tried_three_times(tmp_path: Path) -> None:
    program = script(tmp_path / "say", "echo x >> tries; echo no mail >&2; exit 75")

    (warning,) = notify(program, home=tmp_path)

    assert warning.code == "notify_failed"
    assert "75" in warning.text
    assert "no mail" in warning.text
    assert (tmp_path / "tries").read_text() == "x\n" * 3


def test_a_command_that_fails_once_is_delivered(tmp_path: Path) -> None:
    program = script(tmp_path / "say", "echo x >> tries; test $(wc -l < tries) = 2")

    assert notify(program, home=tmp_path) == ()


def test_a_missing_command_is_not_tried_again(tmp_path: Path) -> None:
    (warning,) = notify(str(tmp_path / "none"), home=tmp_path)

    assert warning.code == "notify_failed"


def test_a_command_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "LIMIT_SECONDS", 2.0)
    program = script(
        tmp_path / "say", "sleep 600 & echo $! > child; echo $$ > own; trap '' TERM; sleep 600"
    )

    (warning,) = notify(program, home=tmp_path)

    assert warning.code == "notify_failed"
    for name in ("child", "own"):
        pid = int((tmp_path / name).read_text())
        wait_until(lambda pid=pid: not psutil.pid_exists(pid), "the process ends")


def test_a_program_left_in_the_background_does_not_hold_the_result_up(tmp_path: Path) -> None:
    program = script(tmp_path / "say", "sleep 600 & echo $! > child")

    try:
        assert notify(program, home=tmp_path) == ()
    finally:
        psutil.Process(int((tmp_path / "child").read_text())).kill()
