"""The reference's own parser (`millracer==0.3.0`) reads every frame and loses nothing of it.

The interpreter that has the reference is `.tools/reference-0.3.0/bin/python`, which `make setup`
installs, or that of the variable MILLRACER_TEST_REFERENCE.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.domain.event_log import Batch, Cursor, EventType, LogEvent, ResetReason, Severity
from millracer.errors import UsageError
from millracer.operations.stream.failure import render_failure
from millracer.operations.stream.frames import Frames, FrameType
from millracer.schemas.base import Published, render_line
from millracer.schemas.items.watch_all import describe_failure
from millracer.schemas.ops.frame import EventFrame
from millracer.testing.clock import FrozenClock

_ROOT = Path(__file__).parents[2]
_INSTALLED = _ROOT / ".tools" / "reference-0.3.0" / "bin" / "python"
_LIMIT_SECONDS = 60
#: Prints each frame and each ops result as the reference renders it after parsing.
_READER = """
import json, sys
from millracer.contracts import ops
for line in sys.stdin:
    frame = ops.parse_ops_event_frame(line)
    result = frame.payload if "completion" in frame.payload and "action" in frame.payload else None
    if result is not None and result["request_id"] is not None:
        ops.parse_ops_result_payload(result)
    print(json.dumps(ops.render_ops_event_frame(frame)))
"""

Read = Callable[[list[str]], list[object]]


@pytest.fixture(scope="module")
def read() -> Read:
    """Return the frames of lines as the reference reads them."""
    python = os.environ.get("MILLRACER_TEST_REFERENCE", str(_INSTALLED))
    assert Path(python).is_file(), f"{python} is missing: run `make setup`"

    def run(lines: list[str]) -> list[object]:
        ran = subprocess.run(
            (python, "-I", "-c", _READER),  # isolated: this folder has another millracer
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line) for line in ran.stdout.splitlines()]

    return run


def every_type() -> Iterator[EventFrame]:
    """Yield a frame of each type, without optional texts."""
    emitted: list[EventFrame] = []
    frames = Frames(None, emitted.append, FrozenClock(), after=Cursor("9e8f127d", 3))
    frames.opened(head=Cursor("9e8f127d", 17), role="writer")
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    events = tuple(
        LogEvent(
            cursor=Cursor("9e8f127d", number),
            type=kind,
            at=at,
            message="",
            severity=list(Severity)[number % 3],
            payload={"attempt": 1, "nothing": None, "number": 0.5, "text": "\u2028\u00e9"},
        )
        for number, kind in enumerate(EventType)
    )
    for reason in ResetReason:
        frames.batch(Batch(events=events, reset=reason))
    for kind in set(FrameType) - {
        FrameType.STREAM_OPENED,
        FrameType.STREAM_RESET,
        FrameType.RESULT,
    }:
        frames.transient(kind, "", {"text": ""})
    frames.result(describe_failure(UsageError("wrong", suggested_action="read the help")))
    assert {frame.event_type for frame in emitted} == {*EventType, *FrameType}
    yield from emitted


def test_the_reference_reads_every_type_of_frame(read: Read) -> None:
    lines = [render_line(frame) for frame in every_type()]

    assert read(lines) == [json.loads(line) for line in lines]


def test_the_reference_reads_the_frames_of_wrong_use(read: Read) -> None:
    document: Published = describe_failure(UsageError("wrong", suggested_action="read the help"))
    lines = render_failure(document, FrozenClock()).splitlines()

    assert read(lines) == [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "golden",
    sorted((_ROOT / "fixtures" / "ops").glob("*.frames.ndjson")),
    ids=lambda path: path.name,
)
def test_the_reference_reads_the_golden_frames(read: Read, golden: Path) -> None:
    lines = golden.read_text(encoding="utf-8").splitlines()

    assert read(lines) == [json.loads(line) for line in lines]
