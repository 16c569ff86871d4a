"""The table of operations: each row works, and every front door agrees with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from millracer.cancellation import Cancelled, CancelReason
from millracer.cli.command_table import COMMANDS, Entry
from millracer.domain.operations import (
    ACTIONS,
    OPERATIONS,
    OperationName,
    OpsVersion,
    actions_of,
    load,
)
from millracer.errors import MillracerError, ToolFailed, UsageError
from millracer.operations import registry
from millracer.operations.context import OperationContext
from millracer.operations.registry import fail, perform
from millracer.schemas.base import Published
from millracer.schemas.ops.payloads import Payload

_PERFORMED = [name for name, each in OPERATIONS.items() if each.handler]


def test_every_operation_has_a_row_and_every_action_is_one_of_them() -> None:
    actions = [each.ops_action for each in OPERATIONS.values() if each.ops_action]

    assert set(OPERATIONS) == set(OperationName)
    assert len(set(actions)) == len(actions) == len(ACTIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_row_names_code_that_exists(name: OperationName) -> None:
    operation = OPERATIONS[name]

    assert isinstance(load(operation.request), type)
    assert issubclass(load(operation.result), Published)
    assert operation.handler or operation.ops_handler
    assert all(map(callable, map(load, filter(None, (operation.handler, operation.ops_handler)))))
    assert bool(operation.handler) is bool(operation.failure)
    assert not operation.ops_handler or operation.ops_action
    assert issubclass(load(operation.payload), Payload)
    if operation.ops_action and not (operation.ops_handler or operation.ops_request):
        fields = set(load(operation.payload).model_fields)
        assert {each.name for each in dataclasses.fields(load(operation.request))} <= fields
    assert not operation.help or operation.handler
    assert operation.help or operation.ops_action or operation.command
    if operation.ops_request:
        assert operation.ops_action
        assert callable(load(operation.ops_request))


def test_each_version_of_ops_has_the_actions_of_the_one_before_it() -> None:
    v02, v03 = actions_of(OpsVersion.V02), actions_of(OpsVersion.V03)

    assert dict(v03) == dict(ACTIONS)
    assert set(v03) > set(v02)
    assert "watch" not in v02
    assert all(v03[name] is each for name, each in v02.items())


def _entry(name: OperationName) -> Entry:
    """Return the entry of an operation's command."""
    entry = Entry(help="", commands=COMMANDS)
    for word in OPERATIONS[name].words or (name,):
        entry = entry.commands[word]
    return entry


def test_every_command_on_a_workspace_is_an_action_of_the_latest_version() -> None:
    commands = {name for name, each in OPERATIONS.items() if each.help}

    assert {name for name in commands if not OPERATIONS[name].ops_action} == set()


@pytest.mark.parametrize("name", [name for name in _PERFORMED if OPERATIONS[name].help])
def test_an_operation_is_the_command_of_its_words(name: OperationName) -> None:
    assert OPERATIONS[name].failure in {each.failure for each in _entry(name).documents}


@dataclass
class Raises:
    error: BaseException

    def __call__(self, _request: object, _context: OperationContext) -> Any:
        raise self.error


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that lets every handler raise."""

    def patch(error: BaseException) -> None:
        handlers = {each.handler for each in OPERATIONS.values() if each.handler}
        genuine = registry.load
        monkeypatch.setattr(
            registry,
            "load",
            lambda target: Raises(error) if target in handlers else genuine(target),
        )

    return patch


@pytest.mark.parametrize("name", _PERFORMED)
@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (UsageError("wrong", suggested_action="x"), "usage", 2),
        (ToolFailed("millrace", "no", suggested_action="x"), "millrace_failed", 8),
        (MillracerError("bug"), "internal_error", 1),
        (Cancelled(CancelReason.INTERRUPTED), "cancelled", 130),
        (Cancelled(CancelReason.TERMINATED), "cancelled", 143),
    ],
    ids=["usage", "tool", "bug", "interrupted", "terminated"],
)
def test_what_a_handler_raises_becomes_the_operations_document(
    raising: Callable[[BaseException], None],
    name: OperationName,
    error: BaseException,
    code: str,
    exit_code: int,
) -> None:
    raising(error)
    answer = perform(name, object(), cast("OperationContext", None))

    assert isinstance(answer.result, load(OPERATIONS[name].result))
    # A cancelled run is an outcome; it lists no error.
    codes = [each.code for each in answer.result.errors] or [str(answer.result.outcome)]
    assert codes == [code]
    assert answer.exit_code == exit_code


def test_a_bug_is_left_to_the_front_door(raising: Callable[[BaseException], None]) -> None:
    raising(IndexError())

    with pytest.raises(IndexError):
        perform(OperationName.PAUSE, object(), cast("OperationContext", None))


def test_a_failure_names_the_request() -> None:
    error = UsageError("wrong", suggested_action="x")

    assert fail(OperationName.SUBMIT, error, "r-1").result.request_id == "r-1"
