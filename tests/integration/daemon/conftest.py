"""A workspace with a stand-in for Millrace; whatever a test starts in it ends with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_daemon import FakeDaemonSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FakeDaemonSite]:
    root = tmp_path / "workspace"
    root.mkdir()
    site = FakeDaemonSite(root)
    site.initialise()
    try:
        yield site
    finally:
        site.sweep()
