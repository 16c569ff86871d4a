"""A pi that never leaves by itself, not even for SIGTERM, and whose child does not either."""

from __future__ import annotations

import signal
import subprocess
import sys

from pi_base import commands, respond, run, sleep_for_ever

CHILD = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

signal.signal(signal.SIGTERM, signal.SIG_IGN)
for command in commands():
    respond(command)
    if command["type"] == "prompt":
        child = subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)
        run(str(child.pid))
sleep_for_ever()
