"""The server that tests fork commands from: it skips a module that it cannot find, in silence."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.support.forked_command import PRELOADED


@pytest.mark.parametrize("name", PRELOADED)
def test_a_module_to_preload_exists(name: str) -> None:
    assert find_spec(name) is not None
