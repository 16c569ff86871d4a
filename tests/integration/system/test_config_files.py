"""The configuration files on a real disk, with every kind of file under their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from millracer.errors import ConfigInvalid
from millracer.system.config_files import (
    CONFIG_VARIABLE,
    peek_user_file,
    read_config_file,
    user_config_file,
    workspace_config_file,
)


def test_the_users_file_is_in_the_configuration_folder(clean_environment: Path) -> None:
    folder = clean_environment / "config" / "millracer"

    assert user_config_file(os.environ) == folder / "config.toml"


def test_another_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert user_config_file({CONFIG_VARIABLE: "mine"}) == tmp_path / "mine" / "config.toml"


def test_a_workspaces_file_is_at_its_root() -> None:
    assert workspace_config_file("/w") == Path("/w/millracer.toml")


@pytest.mark.parametrize("path", ["absent.toml", "no/folder.toml", "file/below.toml"])
def test_a_file_that_is_not_there_says_nothing(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()

    assert read_config_file(tmp_path / path, of_workspace=True) is None
    assert read_config_file(None, of_workspace=False) is None


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "dotfiles.toml").write_text('thinking = "low"')
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles.toml")

    options = read_config_file(link, of_workspace=False)

    assert options is not None
    assert options.thinking == "low"


def test_a_special_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe, folder, loop = (tmp_path / name for name in ("pipe", "folder", "loop"))
    os.mkfifo(pipe)
    folder.mkdir()
    loop.symlink_to(loop)

    for path in (pipe, folder, loop, Path("/dev/zero")):
        with pytest.raises(ConfigInvalid, match=f"the configuration file {path} cannot be read"):
            read_config_file(path, of_workspace=True)


@pytest.mark.parametrize("content", [b"route =", b"\xff", b"a = " + b"[" * 30_000])
def test_a_glance_never_fails(tmp_path: Path, content: bytes) -> None:
    environment = {CONFIG_VARIABLE: str(tmp_path)}
    assert peek_user_file(environment) == {}

    (tmp_path / "config.toml").write_bytes(content)
    assert peek_user_file(environment) == {}

    (tmp_path / "config.toml").write_text('route = "direct"')
    assert peek_user_file(environment) == {"route": "direct"}
