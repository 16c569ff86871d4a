"""One heap for all threads, seen from the C library."""

import platform
import subprocess
import sys

import pytest

_COUNT_HEAPS = """
import ctypes, sys, threading
from millracer.cli.commands.malloc_tuning import share_one_heap

if sys.argv[1] == "shared":
    share_one_heap()
together = threading.Barrier(8)
threads = [
    threading.Thread(target=lambda: (bytes(100_000), together.wait())) for _ in range(8)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library = ctypes.CDLL(None)
library.fdopen.restype = ctypes.c_void_p
output = ctypes.c_void_p(library.fdopen(1, b"w"))
library.malloc_info(0, output)
library.fflush(output)
"""


def heaps(how: str) -> int:
    ran = subprocess.run(
        (sys.executable, "-c", _COUNT_HEAPS, how), capture_output=True, text=True, check=True
    )
    return ran.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap a thread")
def test_threads_share_one_heap() -> None:
    assert heaps("as it is") > 1
    assert heaps("shared") == 1
