"""A pi whose extensions ask the user at start, before a prompt is accepted, and in its middle."""

from __future__ import annotations

import json
import sys

from pi_base import IDLE, answer_version, emit, respond, run


def read() -> dict[str, object]:
    line = sys.stdin.buffer.readline()
    if not line:
        raise SystemExit(0)
    return json.loads(line)


def ask(method: str) -> object:
    """Block until the question is answered, as pi does."""
    emit(type="extension_ui_request", id=f"ui-{method}", method=method, title="?")
    while (command := read())["type"] != "extension_ui_response":
        early.append(command)
    return command


answer_version()
early: list[dict[str, object]] = []
emit(type="extension_ui_request", id="n", method="notify", message="hello")
answers = [ask("input")]
while True:
    command = early.pop(0) if early else read()
    if command["type"] == "get_state":
        respond(command, data=IDLE)
    elif command["type"] == "prompt":
        answers.append(ask("confirm"))
        respond(command)
        answers += [ask("select"), ask("editor")]
        run(json.dumps(answers))
