"""`run --certificate`: refused before the work begins, or its absence shows in the exit code."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from millracer.certificate.keys import FileKeys
from millracer.cli.app import invoke
from millracer.domain.run.outcome import Outcome
from millracer.errors import UsageError
from millracer.wiring.user_files import write_file
from tests.integration.repository.test_git_repository import folder
from tests.integration.test_run_command import Stand, ended, stand

__all__ = ["folder", "stand"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "config"
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(config))
    return config


def run(
    workspace: Path, file: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, dict[str, Any]]:
    words = ("run", "--json", "--workspace", str(workspace), "--certificate", str(file))
    code = invoke([*words, *more, "Fix it"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def codes(document: dict[str, Any]) -> list[str]:
    return [each.partition(":")[0] for each in document["warnings"]]


def test_without_a_key_nothing_is_run(
    stand: Stand, config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(folder, tmp_path / "c.json", capsys)

    assert (code, [each["code"] for each in document["errors"]]) == (2, ["key_unusable"])
    assert stand.requests == []


@pytest.mark.parametrize("command", ["run", "watch", "certify", "test-results"])
@pytest.mark.parametrize("name", ["", "missing/c.json", "file/c.json", "pipe"])
def test_a_certificate_that_cannot_be_written_is_refused_before_the_work(  # noqa: PLR0913 - the cases and the fixtures
    *,
    command: str,
    name: str,
    stand: Stand,
    config: Path,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    FileKeys().new()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    path = str(tmp_path / name)
    words = {
        "run": ("run", "--certificate", path, "Fix it"),
        "watch": ("watch", "--certificate", path, "fix-it"),
        "certify": ("certify", "--out", path, "fix-it"),
        "test-results": ("certify", "--test-results", path, "fix-it"),
    }[command]

    code = invoke([*words, "--json", "--workspace", str(folder)])

    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (code, error["code"]) == (2, "usage")
    assert error["message"].count("cannot be written") == 1
    assert stand.requests == []


@pytest.mark.parametrize("failing", ["replace", "chmod"])
def test_a_failed_write_gives_its_reason_once(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, failing, fail)

    with pytest.raises(UsageError) as caught:
        write_file(tmp_path / "c.json", "{}")

    assert caught.value.message.count("No space left on device") == 1
    assert caught.value.message.count(str(tmp_path)) == 1


def test_without_a_repository_nothing_is_run(
    stand: Stand, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FileKeys().new()
    plain = tmp_path / "plain"
    plain.mkdir()

    code, document = run(plain, tmp_path / "c.json", capsys)

    assert (code, [each["code"] for each in document["errors"]]) == (8, ["not_a_git_workspace"])
    assert stand.requests == []


def test_a_direct_answer_has_no_certificate(
    stand: Stand, config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FileKeys().new()
    stand.result = ended(Outcome.COMPLETED)

    code, document = run(folder, tmp_path / "c.json", capsys)

    assert (code, document["outcome"]) == (8, "completed")
    assert codes(document) == ["certificate_not_made"]
    assert not (tmp_path / "c.json").exists()


def test_a_certificate_that_cannot_be_made_shows_in_the_exit_code(
    stand: Stand, config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FileKeys().new()
    stand.result = ended(
        Outcome.COMPLETED, work_item_id="fix-it-0123456789abcdef0123", scoped_completion=True
    )

    code, document = run(folder, tmp_path / "c.json", capsys)

    assert (code, codes(document)) == (8, ["certificate_not_made"])


def test_work_that_is_not_completed_keeps_its_exit_code_and_has_no_certificate(
    stand: Stand, config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FileKeys().new()
    stand.result = ended(Outcome.BLOCKED, work_item_id="fix-it-0123456789abcdef0123")

    code, document = run(folder, tmp_path / "c.json", capsys)

    assert (code, codes(document)) == (4, [])
    assert not (tmp_path / "c.json").exists()


def test_every_item_at_once_has_no_certificate(
    stand: Stand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["watch", "--all", "--json", "--certificate", str(tmp_path / "c.json")]

    assert invoke(words) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["code"] == "usage"
