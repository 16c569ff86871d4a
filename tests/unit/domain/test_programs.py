"""Which programs there are, and what is said of one that cannot be used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from millracer.domain.programs import (
    FOUND_UNTOLD,
    NO_TOOLS,
    TESTED_VERSIONS,
    Tool,
    ToolOrigin,
    ToolsUsed,
)

ROOT = Path(__file__).parents[3]


def test_a_tool_is_named_by_an_option_and_in_a_file() -> None:
    assert [(tool.option, tool.key) for tool in Tool] == [
        ("--millrace-command", "millrace_command"),
        ("--pi-command", "pi_command"),
    ]


@pytest.mark.parametrize("tool", Tool)
def test_whoever_has_none_is_told_to_set_it_up_or_to_name_one(tool: Tool) -> None:
    assert tool.install_hint == (
        f"run `millracer setup`, which installs {tool} {TESTED_VERSIONS[tool]}, "
        f"or name yours with --{tool}-command"
    )


def test_what_was_tested_is_what_the_tests_set_up() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    package = json.loads((ROOT / "millracer/tools/pi/package.json").read_text(encoding="utf-8"))

    millrace = re.findall(r"^MILLRACE_VERSION := (\S+)$", makefile, re.MULTILINE)
    (pi,) = package["dependencies"].values()
    assert {Tool.MILLRACE: millrace[0], Tool.PI: pi} == TESTED_VERSIONS


def test_an_origin_goes_before_those_behind_it() -> None:
    assert list(ToolOrigin) == ["option", "environment", "user_file", "setup", "path"]


def test_what_a_command_line_or_its_variables_said_has_to_be_said_again() -> None:
    assert set(ToolOrigin) - FOUND_UNTOLD == {"option", "environment"}


def test_where_no_tool_was_looked_for_none_is_told() -> None:
    assert ToolsUsed(millrace=None, pi=None) == NO_TOOLS == ToolsUsed()
