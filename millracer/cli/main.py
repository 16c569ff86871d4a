"""Process entry point: prepare the streams and signal handlers, then run the command.

No heavy module is imported before the signal handlers are installed, so that a command stopped
while it loads also prints its one document.
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
from millracer.cli.process.signals import (
    raised_reason,
    signals_ignored,
    signals_raise,
    undo_parents_blocking,
)
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
    """Run the command line and exit with the code of the outcome."""
    begin_in_utf8()
    if sys.platform == "linux" and os.getpid() == 1:
        from millracer.cli.process.process_one import run_below_process_one  # noqa: PLC0415 - in a container only

        run_below_process_one()
    gc.disable()  # until the command begins: loaded modules stay in memory
    _prepare_streams()
    threading.excepthook = lambda uncaught: _report_bug(uncaught.exc_value)
    code: int | None = None
    try:
        with signals_raise():
            code = _run(sys.argv[1:])
    except Cancelled as cancelled:  # a signal while the handlers were installed or restored
        if code is None:
            from millracer.cli.command import report_cancelled  # noqa: PLC0415 - rarely needed

            code = report_cancelled(sys.argv[1:], cancelled.reason)
    with signals_ignored():  # the command has ended
        finish_standard_output()
        finish_standard_error()
    gc.freeze()  # the process ends now; one more collection costs 20 ms
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        return _command(arguments)
    except OutputLost as lost:
        silence_standard_output()
        return _report_lost(lost)
    except Exception as error:  # noqa: BLE001 - the interpreter would print unredacted secrets
        _report_bug(error)
        return ExitCode.INTERNAL_ERROR


def _command(arguments: Sequence[str]) -> int:
    try:
        undo_parents_blocking()
        from millracer.cli.commands.ops.plain import is_plain_ops, plain_ops  # noqa: PLC0415 - handlers first
        from millracer.cli.startup.prewarm import head_start  # noqa: PLC0415 - handlers first

        with head_start(arguments) as begun:
            if is_plain_ops(arguments, os.environ):
                return plain_ops(begun)
            from millracer.cli.app import invoke  # noqa: PLC0415 - after the head start

            return invoke(arguments, begun)
    except Cancelled as cancelled:
        from millracer.cli.command import report_cancelled  # noqa: PLC0415 - rarely needed

        return report_cancelled(arguments, cancelled.reason)
    except OutputLost:
        raise
    except Exception as error:  # noqa: BLE001 - a JSON caller gets a document for this, too
        if (reason := raised_reason()) is not None:  # other code replaced the handler's exception
            from millracer.cli.command import report_cancelled  # noqa: PLC0415 - rarely needed

            return report_cancelled(arguments, reason)
        from millracer.cli.internal_errors import say_bug  # noqa: PLC0415 - rarely needed

        bug = say_bug(error)
        if not is_written_to():
            from millracer.cli.command import print_failure  # noqa: PLC0415 - rarely needed

            print_failure(arguments, bug)
        return ExitCode.INTERNAL_ERROR


def _report_lost(lost: OutputLost) -> int:
    """Report the lost document and return the exit code: the signal's if one arrived."""
    from millracer.cli.terminal.stderr import say_error  # noqa: PLC0415 - the same
    from millracer.domain.failures import exit_code_of_cancel  # noqa: PLC0415 - rarely needed

    say_error(str(lost), lost.suggested_action)
    return exit_code_of_cancel(lost.reason) if isinstance(lost, OutputUnread) else ExitCode.FAILED


def _report_bug(error: BaseException | None) -> None:
    """Report an uncaught exception like any other error: in one line, without secrets."""
    from millracer.cli.internal_errors import say_bug  # noqa: PLC0415 - rarely needed

    if error is not None:
        say_bug(error)


def _prepare_streams() -> None:
    """Replace standard streams that the caller closed by the null device, and wrap the others."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - lives as long as the process
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
    """Restart this command in Python's UTF-8 mode if the locale has another encoding.

    Python selects that mode itself in the locale C, but not if PYTHONUTF8=0 forbids it, and not in
    a locale such as ISO-8859-1. Task, paths and file names would then be decoded wrongly, and so
    would the output of Millrace, which inherits the mode. The new process gets the unchanged bytes
    of the command line and keeps process id, descriptors and parent. Returns if no restart is
    needed or possible.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name == "utf-8" or not sys.executable:
        return
    # The option works where the environment is ignored; the variable is for child processes.
    environment = {**os.environb, _UTF8_VARIABLE.encode(): b"1"}
    with suppress(OSError, UnicodeEncodeError):
        program, *rest = _words()
        os.execve(sys.executable, [program, b"-X", b"utf8", *rest], environment)  # noqa: S606 - this same program


def _words() -> list[bytes]:
    """Return the command line as bytes; not every locale's decoding is reversible."""
    with suppress(OSError):
        *words, _ = Path("/proc/self/cmdline").read_bytes().split(b"\0")
        if len(words) == len(sys.orig_argv):
            return words
    return [os.fsencode(word) for word in sys.orig_argv]
