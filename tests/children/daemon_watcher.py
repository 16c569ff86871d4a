"""Another millracer command, as far as the daemon sees it: attends, may start, leaves on request.

    daemon_watcher.py WORKSPACE [start]

Prints one word when it attends (and the daemon runs), reads one line, leaves, and prints whether a
an owned daemon is left running. The end of its input does not make it leave.
"""

import sys
from pathlib import Path

from millracer.cancellation import Wait
from tests.support.fake_daemon import FakeDaemonSite


def main(root: str, *orders: str) -> None:
    daemon = FakeDaemonSite(Path(root)).daemon()
    wait = Wait.for_seconds(30)
    lease = daemon.lease(wait)
    if "start" in orders:
        with daemon.control(wait) as control:
            control.start("default_pi", wait)
    print("attending", flush=True)  # noqa: T201 - its answer
    if sys.stdin.readline():
        left_running = lease.leave(Wait.for_seconds(18), keep_daemon=False)
        print("left running" if left_running else "nothing left", flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main(*sys.argv[1:])
