"""A process whose first thread ends at once; another holds what it locks, past SIGTERM for a while.

To the system such a process looks as if it had ended.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
locked = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(locked, fcntl.LOCK_EX)


def hold() -> None:
    os.write(1, b"held\n")
    signal.sigwait({signal.SIGTERM})
    time.sleep(float(sys.argv[2]))
    os._exit(0)


threading.Thread(target=hold).start()
ctypes.CDLL(None).pthread_exit(None)
