"""A pi that dies: at once, in the middle of a line, or quietly; the prompt or a flag says how."""

from __future__ import annotations

import json
import os
import signal
import sys

from pi_base import IDLE, answer_version, commands, emit, respond, run, write

answer_version()
if "--at-start" in sys.argv:
    sys.stderr.buffer.write(b'\x1b[31mError: Unknown provider \xff "x".\x1b[39m\n')
    raise SystemExit(1)
for command in commands():
    respond(command)
    if command["message"] == "half a line":
        emit(type="agent_start")
        write(b'{"type":"message_end","message":{"role":"assistant","content":[{"type":"te')
        sys.stderr.buffer.write(b"bad \xff byte\nError: out of \xfe luck\n")
        sys.stderr.flush()
        os._exit(3)
    if command["message"] == "by a signal":
        os.kill(os.getpid(), signal.SIGKILL)
    run(f"alive: {command['message']}")
    if command["message"] == "after the answer":
        respond(json.loads(sys.stdin.buffer.readline()), data=IDLE)
        raise SystemExit(0)
