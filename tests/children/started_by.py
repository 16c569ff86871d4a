"""Becomes another program in the way a parent process would start it.

The first argument is a JSON object: signals that are `blocked`, `ignored` or sent while they are
blocked (`pending`), how many `files` are open and inherited, and whether the program is a
`background` job of the terminal. The others are the program.
"""

import json
import os
import resource
import signal
import sys

_ROOM = 500


def main() -> None:
    how, program = json.loads(sys.argv[1]), sys.argv[2:]
    if how.get("background"):
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            sys.exit(os.waitstatus_to_exitcode(status))
        os.setpgid(0, 0)
    for number in how.get("ignored", []):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, how.get("blocked", []))
    for number in how.get("pending", []):
        os.kill(os.getpid(), number)
    files = how.get("files", 0)
    if files:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files + _ROOM, most))
    for _ in range(files):
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)  # noqa: FBT003 - its only form
    os.execvp(program[0], program)  # noqa: S606 - the requested program


main()
