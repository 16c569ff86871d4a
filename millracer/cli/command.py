"""Error handling of commands: wrong use, errors, bugs and signals become the one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from millracer.cancellation import Cancelled, CancelReason
from millracer.cli.command_table import named_in
from millracer.cli.internal_errors import record_bug
from millracer.cli.process.signals import raised_reason
from millracer.cli.terminal.stderr import say, say_error
from millracer.cli.terminal.stdout import OutputLost, print_text
from millracer.domain.failures import CallerCancelled, exit_code_of_cancel, exit_code_of_failure
from millracer.errors import ExitCode, MillracerError

_Result = TypeVar("_Result")


def report_cancelled(arguments: Sequence[str], reason: CancelReason) -> int:
    """Print the document of a command that a signal stopped early; return the exit code."""
    print_failure(arguments, CallerCancelled(reason))
    return exit_code_of_cancel(reason)


def report_help(usage: str) -> int:
    """Show the help of a command that was called without arguments, and return the exit code."""
    say(usage)
    return ExitCode.USAGE


def report_failure(arguments: Sequence[str], error: MillracerError) -> int:
    """Report an error from before the command's work and return the exit code."""
    say_error(error.message, error.suggested_action)
    print_failure(arguments, error)
    return exit_code_of_failure(error)


def print_failure(arguments: Sequence[str], error: MillracerError) -> None:
    """Print the document of an error if the command line, valid or not, requests one."""
    command, document = named_in(arguments)
    if document is None or (document.lines and isinstance(error, CallerCancelled)):
        return
    print_text(document.load()(error, command))


def completed(work: Callable[[], _Result], fail: Callable[[MillracerError], _Result]) -> _Result:
    """Do a command's work; convert an error, a cancellation or a bug with `fail`.

    Args:
        work: the command's work.
        fail: returns the result of an error; a cancellation is passed as `CallerCancelled`.

    Raises:
        OutputLost: standard output can no longer be written.
    """
    try:
        return work()
    except Cancelled as cancelled:
        return fail(CallerCancelled(cancelled.reason))
    except MillracerError as error:
        return fail(error)
    except OutputLost:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a result
        if (reason := raised_reason()) is not None:  # other code replaced the handler's exception
            return fail(CallerCancelled(reason))
        return fail(record_bug(error))
