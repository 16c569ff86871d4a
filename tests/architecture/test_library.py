"""The library offers every operation of the table."""

from __future__ import annotations

import inspect

import pytest

from millracer import Client
from millracer.domain.operations import OPERATIONS, OperationName

#: Operations that are another one under the name of the reference.
_SAME = {OperationName.QUEUE_STATUS: OperationName.STATUS}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_a_method_of_the_client(name: OperationName) -> None:
    same = _SAME.get(name)
    if same is not None:
        assert OPERATIONS[name].handler == OPERATIONS[same].handler
        name = same

    method = inspect.getattr_static(Client, name, None)
    assert inspect.isfunction(method), f"Client has no method {name}"
    assert "cancellation" in inspect.signature(method).parameters
    assert method.__doc__
