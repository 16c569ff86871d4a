"""Text from callers is UTF-8 whatever the locale says."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from pathlib import Path

_UTF8_VARIABLE = "PYTHONUTF8"


def begin_in_utf8() -> None:
    """Start this command anew in Python's UTF-8 mode if the locale has another encoding.

    Python takes that mode by itself in the locale C, but not where PYTHONUTF8=0 forbids it, and not
    in a locale such as ISO-8859-1. Task, paths and file names would be read as other characters
    then, and so would what Millrace writes, which inherits the mode. The new process gets the
    bytes of the command line as they came. Returns where nothing is to be done. The process keeps
    its id, its descriptors and its caller.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name == "utf-8" or not sys.executable:
        return
    # The option holds where the environment is ignored, the variable for what we start.
    environment = {**os.environb, _UTF8_VARIABLE.encode(): b"1"}
    with suppress(OSError, UnicodeEncodeError):
        program, *rest = _words()
        os.execve(sys.executable, [program, b"-X", b"utf8", *rest], environment)  # noqa: S606 - ourselves


def _words() -> list[bytes]:
    """Return the command line's bytes; not every locale's decoding can be turned back."""
    with suppress(OSError):
        *words, _ = Path("/proc/self/cmdline").read_bytes().split(b"\0")
        if len(words) == len(sys.orig_argv):
            return words
    return [os.fsencode(word) for word in sys.orig_argv]
