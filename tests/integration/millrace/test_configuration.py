"""Settings in Millrace's configuration file that Millracer adds to a new workspace."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from millracer.millrace.files.configuration import keep_transcripts
from millracer.millrace.files.workspace import WorkspacePaths

_STOCK = '[runtime]\ndefault_mode = "lad_codex"\n\n[runners.codex]\npermission_default = "maximum"'


def _file(root: Path, text: str) -> Path:
    path = root / "millrace-agents" / "millrace.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [_STOCK, f"{_STOCK}\n", "", 'runners.codex.x = "y"\n'])
def test_transcripts_are_kept_and_everything_else_stays(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path, text)

    for _ in range(2):
        keep_transcripts(WorkspacePaths(tmp_path))

    written = tomllib.loads(path.read_text(encoding="utf-8"))
    assert written["runners"].pop("pi") == {"event_log_policy": "full"}
    before = tomllib.loads(text)
    assert written == {**before, "runners": before.get("runners", {})}


@pytest.mark.parametrize(
    "text",
    [
        f'{_STOCK}\n[runners.pi]\ncommand = "mine"\n',
        "runners = {codex = {}}\n",
        "not [toml",
        "runners = 3\n",
    ],
)
def test_own_settings_and_unreadable_files_stay_as_they_are(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path, text)

    keep_transcripts(WorkspacePaths(tmp_path))

    assert path.read_text(encoding="utf-8") == text


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    keep_transcripts(WorkspacePaths(tmp_path))

    assert not (tmp_path / "millrace-agents").exists()
