"""The key of a workspace, and addresses of this machine."""

from __future__ import annotations

import pytest

from millracer.domain.workspaces import RegisteredWorkspace
from millracer.serve.settings import is_loopback
from millracer.serve.workspaces import ServedWorkspace


def test_a_key_depends_on_the_path_alone() -> None:
    alone = ServedWorkspace(path="/home/me/shop")
    registered = ServedWorkspace(
        path="/home/me/shop",
        registered=RegisteredWorkspace(workspace_id="s", root_path="/home/me/shop"),
    )

    assert alone.key == registered.key == "4a68c726"
    assert alone.key != ServedWorkspace(path="/home/me/shop2").key
    assert (alone.name, registered.workspace_id) == ("shop", "s")


def test_a_path_of_any_bytes_has_a_key() -> None:
    assert len(ServedWorkspace(path="/home/\udcff").key) == 8


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - it is recognised
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_an_address_of_this_machine_alone(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
