"""A pi that prints all keys it knows: in its answer, letter by letter, or by `die` as it dies."""

from __future__ import annotations

import os
import sys

from pi_base import commands, emit, message_end, respond, run

VALUE, SHAPED = os.environ["LEAKED_API_KEY"], os.environ["LEAKED_SHAPE"]
SAID = f"one {VALUE} two {SHAPED} three {SHAPED}"

for command in commands():
    respond(command)
    if command["type"] != "prompt":
        continue
    if "die" in str(command["message"]).replace("|", " ").split():
        sys.stderr.write(f"Error: {SAID}\n")
        sys.stderr.flush()
        os._exit(3)
    if "refuse" in str(command["message"]).replace("|", " ").split():
        run("", "error", errorMessage=SAID)
        continue
    emit(type="agent_start")
    for letter in SAID:
        delta = {"type": "text_delta", "contentIndex": 0, "delta": letter}
        emit(type="message_update", assistantMessageEvent=delta)
    message_end(SAID)
    emit(type="agent_end", messages=[])
