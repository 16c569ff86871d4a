"""Act as init if this command is process 1 of a container without an init.

The kernel makes process 1 the parent of every orphan in the container, and a dead orphan keeps its
pid until process 1 waits for it. The process that runs the command must not wait for all children:
it would lose the exit codes of its own. So process 1 forks, and the child runs the command.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

assert sys.platform == "linux"  # noqa: S101 - only Linux has containers

_TERMINAL = "/dev/tty"
_KILLED = 128


def run_below_process_one() -> None:
    """Return in a child; process 1 does not return, and exits with the child's code.

    Process 1 reaps every dead process and forwards the signals that it receives. If the fork fails,
    the function returns in process 1, and the command runs without an init.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, exit codes are lost
    former = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        child = os.fork()
    except OSError:
        child = 0
    else:
        if child == 0 and not _has_terminal():
            os.setpgid(0, 0)  # a signal to the process group reaches the command once
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return
    _close_standard_streams()
    os._exit(_serve(child))


def _serve(child: int) -> int:
    """Reap processes and forward signals until the child has ended; return its exit code."""
    while True:
        received = signal.sigwaitinfo(signal.valid_signals())
        if received.si_signo == signal.SIGCHLD:
            exit_code = _reap(child)
            if exit_code is not None:
                return exit_code
        elif received.si_code <= 0:  # sent by a process; the terminal signals the child directly
            with suppress(ProcessLookupError):
                os.kill(child, received.si_signo)


def _reap(child: int) -> int | None:
    """Reap all ended processes; return the child's exit code if it is among them."""
    exit_code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
                exit_code = _KILLED - code if code < 0 else code
    return exit_code


def _has_terminal() -> bool:
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _close_standard_streams() -> None:
    """Leave the streams to the child alone, so that readers see when it closes them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
