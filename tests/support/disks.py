"""Disks that are small or cannot be written, for tests that may mount."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of 32 MB on a new folder; skip the test where that is not allowed."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=32m,mode=0700", "none", str(folder))
    try:
        yield folder
    finally:
        _unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only meanwhile; skip the test where that is not allowed."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _unmount(folder)


def _mount(*arguments: str) -> None:
    done = subprocess.run(
        ("mount", *arguments),  # noqa: S607 - the system's own
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    subprocess.run(("umount", "--lazy", str(folder)), check=True)  # noqa: S607 - the system's own
