"""Logging of the whole package: run and item ids on each line, and redaction.

Modules log to `logging.getLogger(__name__)`: the steps of a run at INFO, each command and read at
DEBUG. As a library Millracer adds no handler and sets no level. `emit_lines` is for programs that
show the log, such as the command line with `-v`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import TypeVar

from millracer.redaction.process import redact

ROOT = "millracer"
_NONE = "-"
_run: ContextVar[str] = ContextVar("run", default=_NONE)
_item: ContextVar[str] = ContextVar("item", default=_NONE)

_Result = TypeVar("_Result")


@contextmanager
def run_logged(request_id: str) -> Iterator[None]:
    """Put a request id on each log line of this thread, within the block."""
    run, item = _run.set(request_id), _item.set(_NONE)
    try:
        yield
    finally:
        _item.reset(item)
        _run.reset(run)


def log_item(item_id: str) -> None:
    """Put a work item id on all later log lines of this run."""
    _item.set(item_id)


def with_log_ids(function: Callable[[], _Result]) -> Callable[[], _Result]:
    """Return the function bound to the caller's log ids, for use in another thread."""
    return partial(copy_context().run, function)


def emit_lines(level: int, emit: Callable[[str], None]) -> None:
    """Pass each record of the package to `emit`, as one redacted line.

    Replaces the handler of an earlier call; a process has one log.

    Args:
        level: the lowest level to pass, such as `logging.INFO`.
        emit: called in the thread that logs; must not log itself.
    """
    logger = logging.getLogger(ROOT)
    for handler in [each for each in logger.handlers if isinstance(each, _LineHandler)]:
        logger.removeHandler(handler)
    logger.addHandler(_LineHandler(emit))
    logger.setLevel(level)
    logger.propagate = False


def also_emit_lines(level: int, emit: Callable[[str], None]) -> None:
    """Pass each record of the package to `emit` too, besides what `emit_lines` set up.

    Args:
        level: the lowest level to pass.
        emit: as for `emit_lines`.
    """
    logger = logging.getLogger(ROOT)
    handler = _LineHandler(emit)
    handler.setLevel(level)
    for each in logger.handlers:
        each.setLevel(logger.level)
    logger.addHandler(handler)
    logger.setLevel(min(level, logger.level) if logger.level else level)
    logger.propagate = False


class _LineHandler(logging.Handler):
    """Formats a record as one line with the ids of its run."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record to `emit`; `logging` reports a message that cannot be formatted."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - as `logging.Handler.emit` asks for
            self.handleError(record)
            return
        name = record.name.removeprefix(f"{ROOT}.")
        text = " ".join(redact(message).split())
        self._emit(f"{record.levelname.lower()} {name} [{_run.get()} {_item.get()}] {text}")
