"""A pi that does what the last word of a task says, and counts the tasks of its conversation.

`answer` says the count and its process id, `hostile` steers terminals, `windows` ends its lines as
there, `repeat` says its prompt in ASCII, `path` says its PATH, `refuse` fails the turn,
`die` dies, `hang` says a word and waits to be aborted, `slow` takes a moment, `stay` lets it
outlive its input.
"""

from __future__ import annotations

import os
import time

from pi_base import commands, emit, message_end, respond, run, sleep_for_ever

DELTA = {"type": "text_delta", "contentIndex": 0}


def report(text: str) -> None:
    emit(type="message_update", assistantMessageEvent={**DELTA, "delta": text})


def answer(text: str) -> None:
    emit(type="agent_start")
    report(text)
    message_end(text)
    emit(type="agent_end", messages=[])


count = 0
stays = False
for command in commands():
    if command["type"] == "abort":
        message_end("half", "aborted", errorMessage="Request was aborted")
        emit(type="agent_end", messages=[])
    respond(command, data={"isStreaming": False, "isCompacting": False, "pendingMessageCount": 0})
    if command["type"] != "prompt":
        continue
    count += 1
    stays = stays or "stay" in str(command["message"])
    words = str(command["message"]).replace("|", " ").split()
    if "hang" in words:
        emit(type="agent_start")
        report("begun\n\n")
    elif "die" in words:
        emit(type="agent_start")
        os._exit(3)
    elif "refuse" in words:
        run("", "error", errorMessage="401 no API key")
    elif "hostile" in words:
        answer("\x1b[31mred\x1b[0m \x07bell \x9b2J end")
    elif "repeat" in words:
        answer(ascii(command["message"]))
    elif "path" in words:
        answer(os.environ["PATH"])
    elif "windows" in words:
        answer("one\r\ntwo\r\n")
    else:
        if "slow" in words:
            time.sleep(1.5)
        answer(f"answer {count} of {os.getpid()}")
if stays:
    sleep_for_ever()
