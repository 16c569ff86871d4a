"""An operation of the fleet has no workspace of its caller."""

from __future__ import annotations

import pytest

from millracer.errors import InvalidRequest
from tests.support.fleet_scene import FleetScene


def test_a_context_without_a_workspace_refuses_an_operation_that_needs_one() -> None:
    context = FleetScene().context

    with pytest.raises(InvalidRequest) as caught:
        context.find_workspace()
    assert caught.value.field == "workspace_ref"
    assert context.new_identity() != context.new_identity()
