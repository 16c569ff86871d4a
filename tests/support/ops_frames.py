"""The frames that `millracer ops --stream-json` prints, on fakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from millracer.cancellation import Cancellation
from millracer.cli.commands.ops import frames as command
from millracer.cli.frame_output import FrameOutput
from millracer.cli.options.common import CommonOptions
from millracer.event_log.logs import FileEventLogs
from millracer.operations.ops.gateway import OpsGateway
from tests.support.frames import Frame, frames_in
from tests.support.ops_cases import Case

_TIME = "2026-01-01T00:00:00Z"


def streamed(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Frame]:
    """Answer a case of version v0.3 in frames, as the command does.

    Args:
        case: the case.
        folder: an empty folder for event logs.
        monkeypatch: puts the case's gateway in the place of the real one.
    """
    desk = case.desk()
    desk.tools.logs = FileEventLogs(folder)
    lines: list[str] = []

    @contextmanager
    def open_gateway(common: Any) -> Iterator[OpsGateway]:
        desk.tools = common.programs
        yield desk.gateway()

    monkeypatch.setattr(command, "open_gateway", open_gateway)
    monkeypatch.setattr(command, "replace", _replace)
    read = command.in_frames(case.raw)
    assert read is not None
    output = FrameOutput(
        command.request_id_of(read),
        after=command.stream_start(read),
        print_line=lines.append,
        is_wanted=lambda: True,
    )
    given = command.answer_in_frames(_common(desk.tools), read, Cancellation(), output)
    output.result(given.result)
    return frames_in("\n".join(lines))


def normalised(frames: list[Frame]) -> str:
    """Return frames, one a line, with the same times, epoch, process and hash in each run."""
    epochs = [each["payload"]["epoch"] for each in frames if each["event_type"] == "log.opened"]
    lines = [json.dumps(_normalised(frame)) for frame in frames]
    text = "\n".join(lines) + "\n"
    for epoch in epochs:
        text = text.replace(epoch, "00000000")
    return text


def _normalised(frame: Frame) -> Frame:
    payload = dict(frame["payload"])
    payload |= {"pid": 0} if "pid" in payload else {}
    payload |= {"result_sha256": "<sha256>"} if "result_sha256" in payload else {}
    if frame["event_type"] == "stream.opened" and payload["head"] is not None:
        payload["head"] = "<cursor>"  # the log may be read before or after its next event
    return {**frame, "timestamp": _TIME, "payload": payload}


def _replace(whole: Any, **changes: Any) -> Any:
    """Replace fields of the scene's common options, which are not a dataclass, or of a result."""
    return (
        SimpleNamespace(**changes)
        if isinstance(whole, SimpleNamespace)
        else replace(whole, **changes)
    )


def _common(programs: Any) -> CommonOptions:
    return cast("CommonOptions", SimpleNamespace(programs=programs))
