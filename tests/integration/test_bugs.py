"""The report of a bug in Millracer: its readers, and whether it is shown in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.cli import internal_errors
from millracer.cli.internal_errors import record_bug, say_bug


@pytest.fixture
def bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaseException:
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(internal_errors, "_tracebacks_shown", False)
    try:
        [].pop()
    except IndexError as error:
        return error
    raise AssertionError


def test_a_bug_is_reported_in_a_line_with_where_its_traceback_is(
    bug: BaseException, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = say_bug(bug)

    log = tmp_path / "logs" / "millracer.log"
    assert report.message.endswith(": IndexError: pop from empty list")
    error, suggestion = capsys.readouterr().err.splitlines()
    assert error == f"error: {report.message}"
    assert suggestion.startswith("  next: ")
    assert str(log) in suggestion
    assert "Traceback" in log.read_text()
    assert "[].pop()" in log.read_text()


def test_without_a_log_nothing_else_fails_and_the_reason_is_reported(
    bug: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path / "file"))

    action = record_bug(bug).suggested_action or ""

    assert "--debug" in action
    assert str(tmp_path) in action
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("said", "is_full"), [("1", True), ("yes", True), ("0", False), ("", False)]
)
def test_the_variable_asks_for_it_in_full(
    bug: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str,
    *,
    is_full: bool,
) -> None:
    monkeypatch.setenv("MILLRACER_DEBUG", said)
    record_bug(bug)

    assert ("Traceback (most recent call last)" in capsys.readouterr().err) is is_full


def test_the_option_may_stand_anywhere_before_the_words_of_the_task() -> None:
    assert internal_errors.without_option(["--debug", "run", "x"]) == ["run", "x"]
    assert internal_errors.without_option(["run", "x", "--debug"]) == ["run", "x"]
    assert internal_errors.without_option(["run", "--", "--debug"]) == ["run", "--", "--debug"]
