"""Millracer whose code replaces the exception of a signal, as Python's compiler does.

The first argument names what raises: the `command`, or the `work` in the harness of commands.
"""

import os
import signal
import sys
from typing import Any, NoReturn

from millracer.cancellation import Cancelled
from millracer.cli import app
from millracer.cli.commands import config
from millracer.cli.main import main


def _replace_the_signal(*_arguments: Any, **_named: Any) -> NoReturn:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Cancelled:
        raise SyntaxError("can't load unicodedata module") from None
    raise AssertionError("the signal raised nothing")


if sys.argv.pop(1) == "command":
    app.invoke = _replace_the_signal
else:
    config.find_place = _replace_the_signal
main()
