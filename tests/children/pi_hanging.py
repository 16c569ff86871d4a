"""A pi whose turn never ends; the prompt says what it does about an abort."""

from __future__ import annotations

from pathlib import Path

from pi_base import IDLE, emit, message_end, respond
from pi_base import commands as without_states

DELTA = {"type": "text_delta", "contentIndex": 0}
prompt = ""
for command in without_states():
    if command["type"] == "prompt":
        prompt = str(command["message"])
        respond(command)
        if prompt == "handled":
            continue
        emit(type="agent_start")
        if prompt == "odd":
            emit(type="message_end", message={"role": "assistant"})
        if prompt == "say":
            emit(type="message_update", assistantMessageEvent={**DELTA, "delta": "begun"})
        if prompt == "well":
            message_end("well")
            emit(type="agent_end", messages=[])
    elif command["type"] == "abort" and prompt != "deaf":
        Path("aborted").touch()
        emit(type="message_update", assistantMessageEvent={**DELTA, "delta": " too late"})
        message_end("half", "aborted", errorMessage="Request was aborted")
        emit(type="agent_end", messages=[])
        respond(command, data=IDLE)
