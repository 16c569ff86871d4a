"""The list of `millracer fleet ps`, once or at each change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from millracer.cancellation import Cancellation
from millracer.cli.commands.fleet.item_lines import item_table
from millracer.cli.operation_calls import conclude, context_of
from millracer.cli.options.common import CommonOptions
from millracer.cli.terminal.stderr import can_clear, printable, say, say_errors
from millracer.cli.terminal.stdout import has_reader, print_text
from millracer.cli.terminal.style import Stream, resolve
from millracer.domain.failures import CallerCancelled
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import FleetListRequest
from millracer.errors import ExitCode, FleetUnreachable, MillracerError
from millracer.operations.answer import Answer
from millracer.operations.fleet.follow import OutageTolerance
from millracer.operations.fleet.listing import describe_items, filter_of
from millracer.operations.registry import fail
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.base import render, render_line
from millracer.schemas.fleet.items import FleetListResult

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_POLL_SECONDS = 1.0


def list_text(result: FleetListResult) -> str:
    """Return the list as a table, and a last line if the limit cut it."""
    lines = item_table(result.items, datetime.now(UTC))
    if result.total > len(result.items):
        lines.append(f"the first {len(result.items)} of {result.total}; `--limit` lists more")
    return "\n".join(lines)


def watch(common: CommonOptions, request: FleetListRequest, *, as_json: bool) -> int:
    """Print the list at each change until a signal arrives or the reader ends."""
    show = _renderer(as_json=as_json)
    redraws = not as_json and _can_redraw()  # the ages on a screen grow

    def work(memory: SessionMemory, cancellation: Cancellation) -> Answer[Any]:
        context = context_of(common, memory, cancellation)
        wanted = filter_of(request)
        with context.open_fleet() as store:
            reads = OutageTolerance(lambda: describe_items(store.list_items(wanted)), _say_outage)
            shown: FleetListResult | None = None
            while has_reader():
                found = reads.read()
                if not reads.is_away and (redraws or found != shown):
                    shown = found
                    print_text(show(found))
                cancellation.sleep(_POLL_SECONDS)
        return Answer(result=None, exit_code=ExitCode.COMPLETED)

    def failed(error: MillracerError) -> Answer[Any]:
        answer = fail(OperationName.FLEET_LIST, error)
        if isinstance(error, CallerCancelled):  # the usual end
            return replace(answer, result=None)
        return answer

    def report(answer: Answer[Any]) -> None:
        if answer.result is not None:
            say_errors(answer.result.errors)
            if as_json:
                print_text(render(answer.result))

    return conclude(common, work, failed=failed, report=report)


def _say_outage(error: FleetUnreachable) -> None:
    say(f"{error.message}; the list continues when it is back")


def _renderer(*, as_json: bool) -> Callable[[FleetListResult], str]:
    """Return the function that renders one list."""
    if as_json:
        return render_line
    clear = _CLEAR if _can_redraw() else ""
    return lambda result: clear + resolve(printable(list_text(result)), Stream.OUT)


def _can_redraw() -> bool:
    return sys.stdout.isatty() and can_clear()
