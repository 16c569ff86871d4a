"""The command line of a fake Millrace package, which does as its first argument says.

FAKE_IMPORT makes the import itself misbehave.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from idle_status import idle_status

IMPORTED_IN = os.getpid()


def _misbehave(how: str) -> None:
    if how == "fail":
        raise ImportError(how)
    if how == "exit":
        sys.exit(0)
    if how == "hang":
        time.sleep(60)
    if how == "slow":
        time.sleep(7)
    if how == "held":
        while not Path(os.environ["FAKE_IMPORT_GO"]).exists():
            time.sleep(0.02)
    if how == "thread":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    if how == "no-fork":
        os.fork = _no_fork


def _no_fork() -> int:
    raise BlockingIOError(11, "Resource temporarily unavailable")


# A plain process has to work whatever the import does in the other one.
if "fork_server/server" in str(getattr(sys.modules["__main__"], "__file__", "")):
    _misbehave(os.environ.get("FAKE_IMPORT", ""))


def main() -> object:
    return globals()[f"do_{sys.argv[1].replace('-', '_')}"](*sys.argv[2:])


def do_report(*_: str) -> int:
    """Say all that a process can know of itself."""
    opened = []
    for name in sorted(os.listdir("/proc/self/fd")):  # noqa: PTH208 - descriptors
        try:
            target = str(Path(f"/proc/self/fd/{name}").readlink())
            opened.append([name, target.partition(":")[0]])
        except OSError:
            continue  # the listing's own
    facts = {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "can_seek": [sys.stdout.seekable(), sys.stderr.seekable()],
        "path": sys.path,
        "main": [sys.modules["__main__"].__file__, __name__],
        "executable": sys.executable,
        "cwd": os.getcwd(),  # noqa: PTH109 - a text
        "environment": dict(os.environ),
        "encodings": [sys.stdout.encoding, sys.stdin.encoding, sys.stderr.errors],
        "opened": opened,
        "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "dispositions": [str(signal.getsignal(number)) for number in (2, 13, 15, 17)],
        "mask": [str(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "threads": threading.active_count(),
        "command_line": Path("/proc/self/cmdline")
        .read_bytes()
        .rstrip(b"\0")
        .decode(errors="replace"),
        "name": Path("/proc/self/comm").read_text(encoding="utf-8"),
        "imported_here": os.getpid() == IMPORTED_IN,
    }
    sys.stdout.write(json.dumps(facts))
    return 0


def do_status(*arguments: str) -> int:
    """Say what a status has to, and whether this process imported the package itself."""
    status = idle_status(arguments[arguments.index("--workspace") + 1])
    status["imported_here"] = os.getpid() == IMPORTED_IN
    sys.stdout.write(json.dumps(status))
    return 0


def do_both() -> int:
    sys.stdout.write("to stdout: ä ☃\n")
    sys.stderr.write("to stderr: ä ☃\n")
    return 3


def do_much() -> None:
    for _ in range(40):
        sys.stdout.write("o" * 9999 + "\n")
        sys.stderr.write("e" * 9999 + "\n")


def do_raise() -> None:
    message = "as asked"
    raise RuntimeError(message)


def do_interrupt() -> None:
    raise KeyboardInterrupt


def do_return_text() -> str:
    return "a text as the exit code"


def do_exit(code: str) -> None:
    sys.exit(int(code))


def do_die(number: str) -> None:
    os.kill(os.getpid(), int(number))


def do_raw() -> None:
    os.write(1, b"\xff\xfe not UTF-8\n")


def do_at_exit() -> None:
    atexit.register(lambda: sys.stdout.write("at exit\n"))
    threading.Thread(target=_later).start()


def _later() -> None:
    time.sleep(0.1)
    sys.stdout.write("from a thread\n")


def do_hook() -> None:
    sys.excepthook = lambda kind, error, _: sys.stderr.write(f"hooked {kind.__name__} {error}\n")
    do_raise()


def do_sleep(seconds: str) -> None:
    """Take a while, with a program in the same group that would hold the pipes."""
    with subprocess.Popen(("/bin/sleep", seconds)):
        time.sleep(float(seconds))


def do_once(path: str) -> None:
    """Take long the first time, and say which time it is."""
    marks = Path(path)
    with marks.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    times = len(marks.read_text(encoding="utf-8").splitlines())
    if times == 1:
        time.sleep(60)
    sys.stdout.write(f"time {times}\n")


def do_wait_for(go: str, mark: str) -> None:
    """Say that it runs, and end when it may."""
    with Path(mark).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(go).exists():
        time.sleep(0.02)


def do_run(*_: str) -> None:
    """Be a daemon for a minute."""
    sys.stdout.write("a daemon runs\n")
    sys.stdout.flush()
    time.sleep(60)
