"""The server that commands are forked from, started once and before any test changes its place."""

from __future__ import annotations

import pytest

from tests.support.forked_command import start_server


@pytest.fixture(scope="session", autouse=True)
def _command_server() -> None:
    start_server()
