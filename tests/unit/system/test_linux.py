"""Which system calls are used on which platform."""

from __future__ import annotations

import sys

import pytest

from millracer.system.linux import PORTABLE_VARIABLE, can_fork_loaded, has_linux_calls


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux", (True, True)), ("darwin", (False, False)), ("freebsd14", (False, True))],
)
def test_the_platform_decides(
    monkeypatch: pytest.MonkeyPatch, platform: str, expected: tuple[bool, bool]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    assert (has_linux_calls(), can_fork_loaded()) == expected


def test_a_test_switches_the_linux_calls_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PORTABLE_VARIABLE, "1")

    assert not has_linux_calls()
