"""Event streams for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from millracer.schemas.names import SchemaName
from tests.support.ops_world import assert_published

Frame = dict[str, Any]


def frames_in(stdout: str) -> list[Frame]:
    """Return the frames of one stream: the first opens it, and only the last is a result."""
    found: list[Frame] = [json.loads(line) for line in stdout.splitlines()]
    for frame in found:
        assert_published(SchemaName.EVENT_FRAME, frame)
    kinds = types(found)
    assert kinds[0] == "stream.opened"
    assert kinds.index("result") == len(found) - 1
    return found


def stored(frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames of stored events."""
    return [frame for frame in frames if "cursor" in frame]


def types(frames: Sequence[Frame]) -> list[str]:
    """Return the types of frames."""
    return [frame["event_type"] for frame in frames]
