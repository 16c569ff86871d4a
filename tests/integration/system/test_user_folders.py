"""Where the user's files lie where the variables that say it cannot be followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from millracer.programs.installed import tools_folder
from millracer.system.config_files import user_config_file
from millracer.system.user_folders import state_folder

FOLDERS = {
    "MILLRACER_CONFIG_DIR": user_config_file,
    "MILLRACER_DATA_DIR": tools_folder,
    "MILLRACER_STATE_DIR": state_folder,
}


@pytest.mark.parametrize(("variable", "find"), FOLDERS.items())
def test_a_folder_below_a_directory_that_is_gone_is_none(
    variable: str,
    find: Callable[[Mapping[str, str]], Path | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert find({variable: "relative"}) is None
    assert find({variable: "~no-such-person/folder"}) is None
    assert find({variable: str(tmp_path)}) is not None
