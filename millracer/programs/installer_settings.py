"""Select the user's pip and npm settings that apply to setup: those about package sources.

Settings about where or how to install (`user`, `target`, `global`, `dry-run`) are for the user's
own work and are overridden: setup installs completely, into its own folder.
"""

from __future__ import annotations

import ast
import configparser
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_PREFIX = "PIP_"
#: The settings about package sources, connections, certificates and allowed packages.
_PIP_KEPT = (
    *("index-url", "extra-index-url", "find-links", "no-index", "constraint", "only-binary"),
    *("proxy", "cert", "client-cert", "trusted-host", "keyring-provider", "use-feature"),
    *("use-deprecated", "timeout", "default-timeout", "retries", "resume-retries"),
    *("cache-dir", "no-cache-dir", "uploaded-prior-to"),
)
#: In order of precedence: pip lets a later section override an earlier one.
_PIP_SECTIONS = ("global", "install", ":env:")


def pip(python: str) -> tuple[str, ...]:
    """Return the argv that starts an interpreter's pip."""
    return (python, "-m", "pip", "--no-input", "--disable-pip-version-check")


def pip_variables(listed: str, config_file: str | None) -> dict[str, str]:
    """Return the environment variables with the applicable settings; pip then reads no file.

    Args:
        listed: the output of `pip config list`, from files and the environment.
        config_file: the file that PIP_CONFIG_FILE names, which some versions of pip do not list.
    """
    kept = {}
    settings = (*_parse_list(listed), *_read_file(config_file))
    for section in _PIP_SECTIONS:
        for of_section, key, value in settings:
            if of_section == section and key in _PIP_KEPT and value:
                kept[f"{_PREFIX}{key.upper().replace('-', '_')}"] = " ".join(value.split())
    return {**kept, "PIP_CONFIG_FILE": os.devnull}


def without_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without pip's settings."""
    return {name: each for name, each in environment.items() if not name.startswith(_PREFIX)}


def npm_options(folder: Path) -> tuple[str, ...]:
    """Return the options of `npm ci` that override each setting about where and how it installs."""
    return (
        *("--omit=dev", "--include=prod", "--include=optional", "--include=peer"),
        *("--ignore-scripts", "--allow-scripts=", "--no-audit", "--no-fund"),
        *(f"--prefix={folder}", "--location=project", "--global=false", "--workspaces=false"),
        *("--package-lock=true", "--package-lock-only=false", "--dry-run=false"),
        *("--install-strategy=hoisted", "--install-links=false", "--bin-links=true"),
        *("--force=false", "--legacy-peer-deps=false", "--strict-peer-deps=false"),
        *("--engine-strict=false", "--loglevel=notice"),
    )


def _parse_list(listed: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of each line such as `global.index-url='https://…'`."""
    for line in listed.splitlines():
        name, has_value, shown = line.partition("=")
        section, has_key, key = name.partition(".")
        if not (has_value and has_key):
            continue
        try:
            value = ast.literal_eval(shown)
        except (ValueError, SyntaxError):
            continue
        yield section, key, str(value)


def _read_file(path: str | None) -> Iterator[tuple[str, str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path or (), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return
    for section in parser.sections():
        for key, value in parser.items(section):
            yield section, key.replace("_", "-"), value
