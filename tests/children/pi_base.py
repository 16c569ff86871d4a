"""The part of pi's RPC protocol the misbehaving pis of the tests share: standard library only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

IDLE = {"isStreaming": False, "isCompacting": False, "pendingMessageCount": 0}


def answer_version() -> None:
    """Answer the question for the version, as a pi without metadata beside it does."""
    if "--version" in sys.argv:
        sys.stdout.write("0.73.1\n")
        raise SystemExit(0)


def write(raw: bytes) -> None:
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def emit(**frame: object) -> None:
    write(json.dumps(frame, ensure_ascii=False).encode() + b"\n")


def respond(command: dict[str, object], **fields: object) -> None:
    emit(id=command.get("id"), type="response", command=command["type"], success=True, **fields)


def message_end(text: str, stop: str = "stop", **fields: object) -> None:
    content = [{"type": "text", "text": text}]
    message = {"role": "assistant", "content": content, "stopReason": stop, **fields}
    emit(type="message_end", message=message)


def run(text: str, stop: str = "stop", **fields: object) -> None:
    """One whole attempt."""
    emit(type="agent_start")
    message_end(text, stop, **fields)
    emit(type="agent_end", messages=[])


def commands() -> Iterator[dict[str, object]]:
    """The commands as they come; `get_state` is answered with `IDLE` by itself."""
    answer_version()
    for line in sys.stdin.buffer:
        command = json.loads(line)
        if command["type"] == "get_state":
            respond(command, data=IDLE)
        else:
            yield command


def sleep_for_ever() -> None:
    while True:
        time.sleep(60)
