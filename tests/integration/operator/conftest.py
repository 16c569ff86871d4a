"""An operator whose pi is the stand-in `tests/children/pi_told.py`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.support.operator_cli import OperatorCaller

_PI = Path(__file__).parents[2] / "children" / "pi_told.py"


@pytest.fixture
def caller(tmp_path: Path) -> OperatorCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return OperatorCaller(
        cwd=cwd,
        state=tmp_path / "state",
        options=(
            *("--route", "direct", "--thinking", "off"),
            *("--pi-command", shlex.join((sys.executable, str(_PI)))),
            *("--millrace-command", "/nowhere/millrace"),
        ),
        forks=True,
    )
