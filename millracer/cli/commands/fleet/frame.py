"""The frame of a command that sets up the fleet: its work, its one document, its exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from millracer.cli.command import completed
from millracer.cli.process.signals import signals_ignored, signals_raise
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say_errors
from millracer.cli.terminal.stdout import print_text
from millracer.domain.failures import exit_code_of_failure
from millracer.errors import ExitCode, MillracerError
from millracer.schemas.base import Published, render
from millracer.schemas.run.document import ErrorDocument
from millracer.wiring.fleet import require_fleet


class _Result(Protocol):
    @property
    def errors(self) -> list[ErrorDocument]: ...


_Document = TypeVar("_Document", bound=_Result)


def conclude(
    work: Callable[[], _Document],
    failed: Callable[[MillracerError], _Document],
    show: Callable[[_Document], None],
    *,
    as_json: bool,
) -> int:
    """Do the work, print its document or show it, and return the exit code.

    Args:
        work: a signal raises `Cancelled` in it.
        failed: returns the document of an error.
        show: prints the document for a person; called on success only.
        as_json: print the document as JSON instead.
    """
    load_endings()
    code = ExitCode.COMPLETED

    def guarded() -> _Document:
        with signals_raise():
            require_fleet()
            return work()

    def fail(error: MillracerError) -> _Document:
        nonlocal code
        code = exit_code_of_failure(error)
        return failed(error)

    result = completed(guarded, fail)
    with signals_ignored():
        say_errors(result.errors)
        if as_json:
            assert isinstance(result, Published)  # noqa: S101 - a document is one
            print_text(render(result))
        elif not result.errors:
            show(result)
    return code
