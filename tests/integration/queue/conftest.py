"""A prepared workspace and a caller of the queue's commands in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ops_cli import OpsCaller
from tests.support.scenario import Scenario
from tests.support.workspace import Workspace, make_workspace


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[..., tuple[Workspace, OpsCaller]]:
    """Prepare a real workspace whose stages play a scenario, and who calls there."""

    def build(scenario: Scenario | None = None) -> tuple[Workspace, OpsCaller]:
        workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
        caller = OpsCaller(
            cwd=workspace.root,
            state=tmp_path / "state",
            environment={"MILLRACER_MILLRACE_COMMAND": millrace_command},
            forks=True,
        )
        return workspace, caller

    return build


@pytest.fixture
def elsewhere(tmp_path: Path) -> OpsCaller:
    """Call from a directory that is not a workspace, without any Millrace."""
    return OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        environment={"MILLRACER_MILLRACE_COMMAND": "no-such-millrace"},
        forks=True,
    )
