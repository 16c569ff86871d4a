"""The file that says where the fleet's database is: `fleet.toml` in the configuration folder."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetNotConfigured
from millracer.fleet.urls import check_url
from millracer.system.config_files import CONFIG_VARIABLE
from millracer.system.files import write_atomically
from millracer.system.user_folders import config_folder, make_private_folder

#: The keys of the file, which are fields of `FleetPlace`.
_KEYS: Final = ("url", "passfile", "host", "data_folder")
_SUFFIX: Final = ".toml"


def place_file(named: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of a fleet's file; it need not exist.

    Args:
        named: a path, or a name without a slash; None: the default file.
        environment: `MILLRACER_CONFIG_DIR` in it names the configuration folder.

    Raises:
        FleetNotConfigured: the user has no home directory.
    """
    if named and ("/" in named or named.endswith(_SUFFIX)):
        return Path(named).expanduser().absolute()
    folder = config_folder(environment, CONFIG_VARIABLE)
    if folder is None:
        raise FleetNotConfigured(
            "there is no home directory for the fleet's file",
            suggested_action=f"set {CONFIG_VARIABLE} to a folder, or name a file with --fleet",
        )
    return folder / (f"fleet-{named}{_SUFFIX}" if named else f"fleet{_SUFFIX}")


def read_place(named: str | None, environment: Mapping[str, str] = os.environ) -> FleetPlace:
    """Return the place that a fleet's file names.

    Raises:
        FleetNotConfigured: the file is missing or invalid.
    """
    path = place_file(named, environment)
    option = f" --fleet {shlex.quote(named)}" if named else ""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FleetNotConfigured(
            f"no fleet is set up here: {path} does not exist",
            suggested_action=f"`millracer fleet up --local{option}` starts one on this machine; "
            f"`millracer fleet join FILE{option}` joins another",
        ) from error
    except (OSError, ValueError) as error:
        raise _invalid(path, str(error)) from error
    return _place_of(path, content)


def write_place(path: Path, place: FleetPlace) -> FleetPlace:
    """Write a fleet's file, mode 0600; return the place with its source."""
    make_private_folder(path.parent)
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key in _KEYS
        if (value := getattr(place, key)) is not None
    ]
    write_atomically(path, "\n".join(lines) + "\n")
    return _place_of(path, {key: getattr(place, key) for key in _KEYS})


def _place_of(path: Path, content: Mapping[str, object]) -> FleetPlace:
    unknown = sorted(set(content) - set(_KEYS))
    if unknown:
        raise _invalid(path, f"unknown key {unknown[0]}")
    values: dict[str, str | None] = {}
    for key in _KEYS:
        value = content.get(key)
        if value is not None and not isinstance(value, str):
            raise _invalid(path, f"{key} is not a text")
        values[key] = value
    url = values.pop("url")
    if url is None:
        raise _invalid(path, "it has no url")
    return FleetPlace(url=check_url(url), source=str(path), **values)


def _invalid(path: Path, why: str) -> FleetNotConfigured:
    return FleetNotConfigured(
        f"the fleet's file {path} is invalid: {why}",
        suggested_action="correct it, or run `millracer fleet up` or `millracer fleet join` again",
    )
