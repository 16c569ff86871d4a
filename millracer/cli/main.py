"""Where the process begins: streams that exist, signals that end in a result, then the command.

Nothing heavy is imported before the signal handlers stand, so that a command stopped while it still
loads has its one document too.
"""

from __future__ import annotations

import codecs
import gc
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from millracer.cancellation import Cancelled
from millracer.cli.signals import signals_ignored, signals_raise, undo_parents_blocking
from millracer.cli.terminal.buffered_stderr import finish_standard_error, own_standard_error
from millracer.cli.terminal.stdout import (
    OutputLost,
    OutputUnread,
    finish_standard_output,
    is_written_to,
    own_standard_output,
    silence_standard_output,
)
from millracer.errors import ExitCode


def main() -> NoReturn:
    """Run the command line and exit with the code that tells the outcome."""
    begin_in_utf8()
    if os.getpid() == 1:
        from millracer.cli.process_one import run_below_process_one  # noqa: PLC0415 - in a container only

        run_below_process_one()
    gc.disable()  # until the command begins: what is loaded stays
    _prepare_streams()
    threading.excepthook = lambda uncaught: _tell_bug(uncaught.exc_value)
    with signals_raise():
        try:
            code = _command(sys.argv[1:])
        except OutputLost as lost:
            silence_standard_output()
            code = _report_lost(lost)
        except Exception as error:  # noqa: BLE001 - the interpreter would tell its secrets, too
            _tell_bug(error)
            code = ExitCode.INTERNAL_ERROR
    with signals_ignored():  # it has ended
        finish_standard_output()
        finish_standard_error()
    gc.freeze()  # all of it goes with the process; collecting it once more costs 20 ms
    sys.exit(code)


def _command(arguments: Sequence[str]) -> int:
    try:
        undo_parents_blocking()
        from millracer.cli.prewarm import head_start  # noqa: PLC0415 - handlers first

        with head_start(arguments) as begun:
            from millracer.cli.app import invoke  # noqa: PLC0415 - begun before

            return invoke(arguments, begun)
    except Cancelled as cancelled:
        from millracer.cli.command import report_cancelled  # noqa: PLC0415 - hardly ever

        return report_cancelled(arguments, cancelled.reason)
    except OutputLost:
        raise
    except Exception as error:  # noqa: BLE001 - a JSON caller reads one document of this, too
        from millracer.cli.internal_errors import say_bug  # noqa: PLC0415 - hardly ever

        bug = say_bug(error)
        if not is_written_to():
            from millracer.cli.command import print_failure  # noqa: PLC0415 - hardly ever

            print_failure(arguments, bug)
        return ExitCode.INTERNAL_ERROR


def _report_lost(lost: OutputLost) -> int:
    """Say that the document is lost, and return the exit code: the signal's where one came."""
    from millracer.cli.terminal.stderr import say_error  # noqa: PLC0415 - the same
    from millracer.domain.failures import exit_code_of_cancel  # noqa: PLC0415 - hardly ever needed

    say_error(str(lost), lost.suggested_action)
    return exit_code_of_cancel(lost.reason) if isinstance(lost, OutputUnread) else ExitCode.FAILED


def _tell_bug(error: BaseException | None) -> None:
    """Let what nobody caught be told as everything else is: in a line, without secrets."""
    from millracer.cli.internal_errors import say_bug  # noqa: PLC0415 - hardly ever needed

    if error is not None:
        say_bug(error)


def _prepare_streams() -> None:
    """Let a command whose caller closed a standard stream read nothing and write to nowhere."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - lives as long as we
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the same
    else:
        own_standard_output()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the same
    else:
        own_standard_error()


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
