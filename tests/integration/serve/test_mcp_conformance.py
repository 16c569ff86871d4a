"""The conformance suite of the Model Context Protocol, as far as a server of tools alone goes.

Its other scenarios call tools, prompts and resources of a test server, which Millracer does not
have. Run by `make slow`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.serving import Client
from tests.support.token_proxy import token_added

pytestmark = pytest.mark.slow

_SCENARIOS = ("server-initialize", "ping", "tools-list", "dns-rebinding-protection")


@pytest.fixture(scope="module")
def suite() -> str:
    command = os.environ.get("MILLRACER_TEST_MCP_CONFORMANCE")
    assert command is not None, "make slow installs the suite and names its command"
    return command


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_server_passes_the_scenario(
    client: Client, suite: str, scenario: str, tmp_path: Path
) -> None:
    with token_added(client) as address:
        ran = subprocess.run(
            (suite, "server", "--url", address, "--scenario", scenario),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 failed, 0 warnings" in ran.stdout
