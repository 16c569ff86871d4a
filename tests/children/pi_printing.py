"""A `pi --print` of which the prompt says how it ends: standard library only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pi_base import answer_version, write

#: Deaf to SIGTERM.
TOOL = "import os,signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


CHATTERBOX = (
    "import sys,time\nwhile True: print('la', file=sys.stderr, flush=True); time.sleep(.01)"
)


def start_tool(program: str = TOOL) -> None:
    """Leave a process behind that keeps this process's pipes open."""
    tool = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    Path("tool.new").write_text(str(tool.pid))
    Path("tool.new").rename("tool")


def environment() -> None:
    write("\n".join([*sys.argv[1:], str(Path.cwd()), os.environ.get("GREETING", "")]).encode())


def fail() -> None:
    sys.stderr.buffer.write(b"\x1b[33mWarning: Model \xff not found.\x1b[39m\n429 slow down\n")
    raise SystemExit(1)


def refuse() -> None:
    raise SystemExit("401 who are you")


def flood() -> None:
    for _ in range(100):
        sys.stderr.write("x" * 65536 + "\n")
    sys.stderr.write("Warning: much was said.\n")
    write(b"heard\n")


def too_much() -> None:
    while True:
        write(b"x" * 65536)


def leave_a_tool() -> None:
    start_tool()
    write(b"left\n")


def leave_a_chatterbox() -> None:
    start_tool(CHATTERBOX)
    write(b"left\n")


def hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start_tool()
    while True:
        time.sleep(60)


BY_PROMPT = {
    "environment": environment,
    "nothing": lambda: write(b"\n"),
    "no text": lambda: write(b"\xff\xfe\n"),
    "too much": too_much,
    "fail": fail,
    "refuse": refuse,
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "flood": flood,
    "leave a tool": leave_a_tool,
    "leave a chatterbox": leave_a_chatterbox,
    "hang": hang,
}

if __name__ == "__main__":
    answer_version()
    if "--does-not-read" in sys.argv:
        raise SystemExit("Error: out of luck")
    while "--never-reads" in sys.argv:
        time.sleep(60)
    prompt = sys.stdin.buffer.read()
    BY_PROMPT.get(prompt.decode(), lambda: write(prompt + b"\n"))()
