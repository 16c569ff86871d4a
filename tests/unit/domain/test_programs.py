"""The external programs, and the report about one that cannot be used."""

from __future__ import annotations

import pytest

from millracer.domain.programs import (
    FOUND_UNTOLD,
    NO_PROGRAMS,
    TESTED_VERSIONS,
    ProgramsUsed,
    Tool,
    ToolOrigin,
)


def test_a_tool_is_named_by_an_option_and_in_a_file() -> None:
    assert [(tool.option, tool.key) for tool in Tool] == [
        ("--millrace-command", "millrace_command"),
        ("--pi-command", "pi_command"),
    ]


@pytest.mark.parametrize("tool", Tool)
def test_a_missing_tool_is_installed_by_setup_or_named_by_an_option(tool: Tool) -> None:
    assert "`millracer setup`" in tool.install_hint
    assert TESTED_VERSIONS[tool] in tool.install_hint
    assert tool.option in tool.install_hint


def test_what_a_command_line_or_its_variables_said_has_to_be_said_again() -> None:
    assert set(ToolOrigin) - FOUND_UNTOLD == {"option", "environment"}


def test_an_unsearched_tool_is_not_reported() -> None:
    assert ProgramsUsed(millrace=None, pi=None) == NO_PROGRAMS == ProgramsUsed()
