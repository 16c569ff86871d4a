"""A pi whose model fails at first; while it sleeps before the retry it says that it is idle."""

from __future__ import annotations

import threading

from pi_base import commands, emit, respond, run


def recover() -> None:
    emit(type="agent_start")
    run("RIGHT ANSWER")
    emit(type="auto_retry_end", success=True, attempt=1)


for command in commands():
    respond(command)
    if command["type"] != "prompt":
        continue
    if command["message"] == "first":
        run("EARLIER ANSWER")
        continue
    run("", "error", errorMessage="500 overloaded")
    emit(type="auto_retry_start", attempt=1, maxAttempts=2, delayMs=300)
    threading.Timer(0.3, recover).start()
