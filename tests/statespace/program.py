"""The state of the running program, as a value: where it is, and what it knows there.

It is read from the interpreter: the frames of the application that are running, where each of them
is, what its variables hold, and the exceptions in flight. Two moments with the same value continue
alike. What nothing is decided by is left out, and named here; a value of a class that is not named
here ends the exploration, so that nothing is left out by oversight.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, NoneType
from typing import Any, TypeAlias

from millracer import run
from millracer.cancellation import Cancellation, Wait
from millracer.domain.requests import Decision, RequestBody, RunRequest
from millracer.domain.run.completion import MissingEvidence, Verdict
from millracer.domain.run.evidence import (
    ClosureFact,
    Evidence,
    ItemFact,
    LineageItem,
    SpawnFact,
    StageFact,
)
from millracer.domain.run.lifecycle import ENDINGS, Lifecycle, RunEvent, RunFacts, RunState, Step
from millracer.domain.run.observation import ChangeHints, is_news
from millracer.domain.run.result import ErrorRecord, NextStep, RunResult
from millracer.domain.work.intake import IntakeChoice
from millracer.domain.work.items import ItemStatus, SubmitReceipt, WorkItem
from millracer.domain.work.modes import ModeChoice
from millracer.domain.work.runtime import (
    CommandReply,
    ModeValidation,
    RunningDaemon,
    RuntimeEvent,
    RuntimeStatus,
)
from millracer.millrace import submission
from millracer.millrace.intake.documents import IntakeDocument
from millracer.millrace.submission import ItemLock
from millracer.millrace.wire.text_output import AddReceipt
from millracer.run.context import RunContext
from millracer.run.progress import Progress
from millracer.run.steps import Steps
from millracer.run.watch import Watch
from millracer.testing.clock import FrozenClock
from millracer.testing.supervisor import ScriptedControl, ScriptedSupervisor, ScriptedWatchLease
from tests.statespace.beside import InTurn, Turn
from tests.statespace.choices import AskedToStop
from tests.statespace.world import Lease, ModelPi, World

_HERE = (str(Path(run.__file__).parent), str(submission.__file__))
#: Text for people or the same in every run: it decides nothing.
_UNUSED_FIELDS: Mapping[type, frozenset[str]] = {
    RunContext: frozenset(
        {"request", "cancellation", "item", "document_path", "found"}
        | {"warnings", "progress", "timings", "intake_signals", "agent_before", "trace"}
    ),
    Decision: frozenset({"why", "signals", "notes", "intake_kind"}),
    RunningDaemon: frozenset({"pid", "started"}),
    Evidence: frozenset({"result_names"}),
    ItemStatus: frozenset({"source", "path", "detail"}),
    RuntimeStatus: frozenset(each.name for each in fields(RuntimeStatus)) - {"active_run_count"},
}
#: Not used by a run that is being finalized, or only part of its result.
_SPENT_IN_FINALIZE = frozenset({"watch_wait", "stop_seen", "lineage", "mode", "decision"})
#: Set again, wherever the outside is asked, before they are read again.
_SPENT_VARIABLES: Mapping[str, frozenset[str]] = {
    "Steps._walk": frozenset({"edges", "started", "spent", "step"}),
    "Watch.follow": frozenset(
        {"hints", "ask_item", "ask_status", "conclusion", "ending", "last", "late", "concluded"}
    ),
    "Watch._read": frozenset({"hints", "ask_item", "ask_status"}),
    "Watch._ask": frozenset({"found", "item_status", "waits"}),
}
#: The same object all the time, or one whose state is the world's.
_FIXED = (
    *(Steps, Progress, Lifecycle, FrozenClock, World, ModelPi),
    *(ScriptedControl, ScriptedSupervisor, ExitStack),
    *(InTurn, RunRequest, RequestBody, WorkItem, IntakeDocument, IntakeChoice, NextStep),
    *(datetime, ErrorRecord, FunctionType, MethodType, BuiltinFunctionType),
)
_VALUES = (
    *(AddReceipt, ClosureFact, Decision, Evidence, ItemFact, ItemLock, LineageItem),
    *(MissingEvidence, ModeChoice, ModeValidation, RunningDaemon, RuntimeEvent, RuntimeStatus),
    *(SpawnFact, StageFact, ItemStatus, CommandReply, SubmitReceipt),
)


def _restarts_that_count(facts: RunFacts) -> int | None:
    """Return what guards may still read; after any other ending no daemon is started again."""
    deaths = {None, *ENDINGS[RunEvent.DAEMON_LOST]}
    return facts.restarts if facts.ending in deaths else None


def program_state(now: float) -> Hashable:
    """Return the state of the program that called what called this; `now` is the model's time."""
    reader = _Reader(now)
    return (
        tuple(reader.frame(frame) for frame in _frames(sys._getframe(1))),
        reader.each(_in_flight()),
    )


def running_record() -> RunContext:
    """Return the record of the run that called what called this."""
    records = [
        frame.f_locals["record"]
        for frame in _frames(sys._getframe(1))
        if "record" in frame.f_locals
    ]
    record = records[-1]
    assert isinstance(record, RunContext)
    return record


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_HERE):
            yield frame
        frame = frame.f_back


def _in_flight() -> Iterator[BaseException]:
    error = sys.exception()
    while error is not None:
        yield error
        error = error.__context__


class _Reader:
    """Turns objects into values; one record is read once however many frames hold it."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._known: dict[int, Hashable] = {}

    def frame(self, frame: FrameType) -> Hashable:
        name = frame.f_code.co_qualname
        spent = _SPENT_VARIABLES.get(name, frozenset())
        variables = tuple(
            (each, self.read(value)) for each, value in frame.f_locals.items() if each not in spent
        )
        return name, frame.f_lasti, variables

    def read(self, value: object) -> Hashable:
        """Return an object as a value.

        Raises:
            AssertionError: the state of objects of its class is not defined.
        """
        kind = type(value)
        reading = _READINGS.get(kind)
        if reading is None:
            reading = _READINGS[kind] = _reading_of(kind)
        return reading(self, value)

    def instant(self, value: float) -> Hashable:
        """Return how far away an instant is, that it is over once it is."""
        return round(max(0.0, value - self._now), 3)

    def each(self, values: Iterable[object]) -> Hashable:
        """Return the values in their order."""
        return tuple(map(self.read, values))

    def watch(self, value: Watch) -> Hashable:
        """Return a watch's state; where no stage is reported, none repeats or is under way."""
        assert not value._repetitions._counts, "the model tells of no stages"
        assert not value._stages_under_way, "the model tells of no stages"
        return value._doubts, value._paused

    def record(self, value: object, names: tuple[str, ...]) -> Hashable:
        """Return what an object's fields hold."""
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = self.each(getattr(value, name) for name in names)
        return known


_Reading: TypeAlias = Callable[[_Reader, Any], Hashable]
_READINGS: dict[type, _Reading] = {
    float: _Reader.instant,
    tuple: _Reader.each,
    list: _Reader.each,
    deque: _Reader.each,
    set: lambda reader, value: frozenset(map(reader.read, value)),
    Wait: lambda reader, value: reader.each((value.deadline, value.cancellation)),
    AskedToStop: lambda reader, value: reader.each((value.reason, value.since, value.urgent)),
    Cancellation: lambda reader, value: value.reason,
    Verdict: lambda reader, value: (value.completed, value.blocked, value.lacks_only_checks),
    RunFacts: lambda reader, value: (value.ending, _restarts_that_count(value)),
    Step: lambda reader, value: (value.event, value.ending),
    ChangeHints: lambda reader, value: (value.daemon_alive, is_news(value)),
    Turn: lambda reader, value: value.started,
    RunResult: lambda reader, value: (value.outcome, value.scoped_completion),
    ScriptedWatchLease: lambda reader, value: (value._looked, value._hint, value._left_running),
    Watch: lambda reader, value: reader.watch(value),
}
_RECORD = frozenset(each.name for each in fields(RunContext)) - _UNUSED_FIELDS[RunContext]
_RECORD_IN_STATE = {
    state: tuple(sorted(_RECORD - (_SPENT_IN_FINALIZE if state is RunState.FINALIZE else set())))
    for state in RunState
}
_READINGS[RunContext] = lambda reader, value: reader.record(value, _RECORD_IN_STATE[value.state])
_READINGS[Lease] = _READINGS[ScriptedWatchLease]


def _reading_of(kind: type) -> _Reading:
    """Say how objects of a class are read."""
    if kind in _VALUES:
        unused = _UNUSED_FIELDS.get(kind, frozenset())
        names = tuple(each.name for each in fields(kind) if each.name not in unused)
        return lambda reader, value: reader.record(value, names)
    if issubclass(kind, BaseException):
        return lambda _, value: (kind.__name__, str(value))
    if issubclass(kind, (str, int, NoneType, Enum)):
        return lambda _, value: value
    if issubclass(kind, _FIXED):
        return lambda _, value: kind.__name__
    raise AssertionError(f"what is a {kind.__name__} in a state?")
