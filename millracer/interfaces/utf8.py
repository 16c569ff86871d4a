"""Text from callers is UTF-8 whatever the locale says; Python's is ASCII where it was told so."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress

_UTF8_VARIABLE = "PYTHONUTF8"


def begin_in_utf8() -> None:
    """Start this command anew in Python's UTF-8 mode if its arguments were read as ASCII.

    Python takes that mode by itself in the locale C, but not where PYTHONUTF8=0 forbids it. Task
    and paths would be mangled then, and so would what Millrace writes, which inherits the mode.
    Returns where nothing is to be done. The process keeps its id, its descriptors and its caller.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name != "ascii" or not sys.executable:
        return
    program, *rest = sys.orig_argv
    # The option holds where the environment is ignored, the variable for what we start.
    environment = {**os.environ, _UTF8_VARIABLE: "1"}
    with suppress(OSError):
        os.execve(sys.executable, [program, "-X", "utf8", *rest], environment)  # noqa: S606 - ourselves
