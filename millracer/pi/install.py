"""Find the installed pi, read its version cheaply, and check that it is supported.

pi needs two seconds to print its version, so the version comes from the package's metadata where
that is found, and from the program only where it is not.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.configuration import USER_FILE
from millracer.domain.programs import TESTED_VERSIONS, Tool, variable_of
from millracer.errors import ToolNotFound, ToolUnsupported
from millracer.pi.frames import TOOL
from millracer.system import processes
from millracer.system.processes import Command

INSTALL_HINT = Tool.PI.install_hint
SUPPORTED_RANGE = "0.67.68 to 1.6.x"

Version = tuple[int, int, int]

_OLDEST: Version = (0, 67, 68)
_FIRST_UNTESTED: Version = (1, 7, 0)
_FIRST_WITH_PROVIDER_AND_MODEL: Version = (1, 0, 0)
_FIRST_BY_CREDENTIALS = (0, 84, 0)
_PACKAGES = frozenset({"@mariozechner/pi-coding-agent", "@earendil-works/pi-coding-agent"})
#: Up to nine digits per number: Python refuses to convert thousands of digits.
_VERSION = re.compile(r"(?<![\d.])(\d{1,9})\.(\d{1,9})\.(\d{1,9})")
_AT_LEAST = re.compile(r">=\s*(\d{1,9}\.\d{1,9}\.\d{1,9})")
_METADATA_WITHIN_PARENTS = 5


def read_version(argv: tuple[str, ...], *, cwd: Path, env: Mapping[str, str], wait: Wait) -> str:
    """Return the version of the pi that this command starts.

    Raises:
        ToolNotFound: there is no such program.
        ToolUnsupported: it prints no version.
        ToolTimeout, Cancelled: only if the program itself has to print its version.
    """
    found = shutil.which(argv[0], path=env.get("PATH"))
    if found is None:
        raise ToolNotFound(
            TOOL,
            f"`{argv[0]}` was not found{'' if '/' in argv[0] else ' on PATH'}",
            suggested_action=INSTALL_HINT,
        )
    metadata = _find_metadata(argv, env)
    version = metadata.get("version")
    if isinstance(version, str):
        return version
    command = Command(tool=TOOL, argv=(*argv, "--version"), cwd=cwd, env=env)
    completed = processes.run(command, wait)
    for text in (completed.stdout, completed.stderr):
        match = _VERSION.search(text)
        if match and completed.exit_code == 0:
            return match.group(0)
    raise ToolUnsupported(
        TOOL,
        f"`{argv[0]} --version` names no version; pi {SUPPORTED_RANGE} is supported",
        detail=(completed.stdout + completed.stderr)[-2000:],
        suggested_action=INSTALL_HINT,
    )


def needed_node(argv: tuple[str, ...], env: Mapping[str, str]) -> Version | None:
    """Return the oldest Node in this pi's metadata; None if that is not a plain `>=x.y.z`."""
    engines = _find_metadata(argv, env).get("engines")
    node = engines.get("node") if isinstance(engines, dict) else None
    match = _AT_LEAST.fullmatch(node.strip()) if isinstance(node, str) else None
    return None if match is None else parse_version(match[1])


def parse_version(text: str) -> Version:
    """Return the comparable part of a version; (0, 0, 0) for a text without one."""
    match = _VERSION.search(text)
    if match is None:
        return (0, 0, 0)
    major, minor, patch = match.groups()
    return (int(major), int(minor), int(patch))


def refuse_unsupported(version: str) -> None:
    """Accept a supported or newer version.

    Raises:
        ToolUnsupported: it is older than the oldest supported version.
    """
    if parse_version(version) < _OLDEST:
        raise ToolUnsupported(
            TOOL,
            f"pi {version} is not supported; supported: pi {SUPPORTED_RANGE}",
            suggested_action=INSTALL_HINT,
        )


def is_untested(version: str) -> bool:
    """Whether this version is newer than the last tested one."""
    return parse_version(version) >= _FIRST_UNTESTED


def describe_untested(version: str) -> str:
    """Return the warning about a version newer than the last tested one, with its next step.

    The step holds however the program was named: setup's pi is used only where no other is named.
    """
    return (
        f"pi {version} is newer than the tested versions, {SUPPORTED_RANGE}; it usually works. If "
        f"it does not, run `millracer setup` for pi {TESTED_VERSIONS[Tool.PI]} and remove what "
        f"names the other one: {Tool.PI.option}, {variable_of(Tool.PI.option)} or {Tool.PI.key} in "
        f"{USER_FILE}"
    )


def wants_model_with_provider(version: str) -> bool:
    """Whether this version refuses `--provider` without `--model`."""
    return parse_version(version) >= _FIRST_WITH_PROVIDER_AND_MODEL


def resolves_by_credentials(version: str) -> bool:
    """Whether this version resolves an id of several providers by their credentials."""
    return parse_version(version) >= _FIRST_BY_CREDENTIALS


def _find_metadata(argv: tuple[str, ...], env: Mapping[str, str]) -> Mapping[str, object]:
    """Return the package metadata of the pi that a command starts, or an empty mapping."""
    found = shutil.which(argv[0], path=env.get("PATH"))
    words = argv[1:] if found is None else (found, *argv[1:])
    return next(filter(None, map(_package_metadata, map(Path, words))), {})


def _package_metadata(program: Path) -> Mapping[str, object]:
    try:
        folders = program.resolve(strict=True).parents
    except (OSError, RuntimeError):
        return {}
    for folder in folders[:_METADATA_WITHIN_PARENTS]:
        try:
            metadata = json.loads((folder / "package.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(metadata, dict) and metadata.get("name") in _PACKAGES:
            return metadata
    return {}
