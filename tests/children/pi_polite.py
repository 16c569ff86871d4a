"""A pi that does everything right and prints much that no reader needs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pi_base import commands, emit, message_end, respond

if "--slow-start" in sys.argv and "--version" not in sys.argv:
    time.sleep(1.5)
for command in commands():
    if command["type"] == "abort":
        respond(command)
        continue
    prompt = command["message"]
    emit(type="session_info_changed", name="unknown to us")
    respond(command)
    emit(type="agent_start")
    emit(type="message_end", message={"role": "system", "content": ""})
    emit(type="entry_appended", entry={"type": "context_edit"})
    if prompt == "environment":
        answer = "\n".join([*sys.argv[1:], str(Path.cwd()), os.environ.get("GREETING", "")])
    else:
        answer = f"a\u2028b\u2029c {prompt}"
    for piece in (answer[:3], answer[3:]):
        event = {"type": "text_delta", "contentIndex": 0, "delta": piece}
        emit(type="message_update", assistantMessageEvent=event, message={"content": []})
    message_end(answer)
    emit(type="agent_end", messages=[{"role": "assistant", "content": answer}])
