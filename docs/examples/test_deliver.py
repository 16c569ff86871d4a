"""Tests of `deliver.py` without pi and Millrace: a script determines what happens.

Usage: pytest test_deliver.py
"""

from __future__ import annotations

import pytest
from deliver import deliver

from millracer import ItemState, RunNotCompleted
from millracer.testing import ScriptedBackend, client, item_ends, item_goes, stage_runs


def test_a_task_is_delivered() -> None:
    """Millrace works on the item and proves it done."""
    backend = ScriptedBackend()
    backend.will_show(stage_runs("builder"), item_ends())

    with client(backend=backend, intake="task", finalizer="summary") as millracer:
        result = deliver(millracer, "SHOP-1", "Fix the failing tests")

    assert result.scoped_completion


def test_a_blocked_task_is_an_error() -> None:
    """Millrace blocks the item."""
    backend = ScriptedBackend()
    backend.will_show(stage_runs("builder"), item_goes(ItemState.BLOCKED, "no access"))

    with (
        client(backend=backend, intake="task", finalizer="summary") as millracer,
        pytest.raises(RunNotCompleted) as blocked,
    ):
        deliver(millracer, "SHOP-2", "Fix the failing tests")

    assert blocked.value.code == "blocked"
