"""Render a status as text: a screen for a person, or one line per change for a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from millracer.cli.terminal.ages import age
from millracer.cli.terminal.layout import command_lines, hanging
from millracer.cli.terminal.states import painted_state
from millracer.cli.terminal.style import Role, paint
from millracer.cli.terminal.tables import in_line, one_line
from millracer.domain.status import DaemonOwner, DaemonState
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import ResolutionRule

if TYPE_CHECKING:
    from millracer.schemas.status import (
        ActiveDocument,
        DaemonDocument,
        EndDocument,
        StatusResult,
        UnfinishedDocument,
    )

_WHY = {
    ResolutionRule.CLI_WORKSPACE: "named by --workspace or MILLRACER_WORKSPACE",
    ResolutionRule.ACTIVE_SESSION: "selected by the session",
    ResolutionRule.REGISTRY_DEFAULT: "the default of the registered workspaces",
    ResolutionRule.CWD: "the current directory",
}
_OWNERS = {
    DaemonOwner.MILLRACER: "started by Millracer",
    DaemonOwner.KEPT: "left running by Millracer (--keep-daemon or start)",
    DaemonOwner.OTHER: "foreign",
}
_STATES = {
    DaemonState.RUNS: "runs",
    DaemonState.BOOTS: "is starting",
    DaemonState.STALE: "died; the next start removes its stale files",
    DaemonState.NONE: "none runs",
}
_SHOWN = 5
_TITLE_LENGTH = 60
_INDENT = " " * 10


def status_lines(status: StatusResult, now: datetime | None = None) -> list[str]:
    """Return the lines of one screen.

    Args:
        status: the status to render.
        now: reference time for ages.
    """
    place = status.workspace
    if place is None:
        return []
    why = _WHY.get(place.rule, place.rule)
    named = f", registered as {place.workspace_id}" if place.workspace_id else ""
    lines = hanging("", f"{paint(place.root_path, Role.STRONG)}  ({why}{named})")
    if not place.initialised:
        return [*lines, "  no Millrace workspace yet", *_errors(status), *_next(status)]
    now = now or datetime.now(UTC)
    lines += _row("daemon", _daemon(status.daemon))
    lines += _mode(status.daemon)
    lines += _row("active", _active(status.active, now))
    lines += _row("queue", _queue(status))
    lines += _listed("waiting", _in(status, waiting=True))
    lines += _listed("blocked", _in(status, waiting=False), Role.WARNING)
    lines += _ended(status.ended, now)
    lines += _errors(status)
    for warning in status.warnings:
        lines += _row("warning", warning.message, Role.WARNING)
    return [*lines, *_next(status)]


def _mode(daemon: DaemonDocument | None) -> Iterator[str]:
    if daemon is None or daemon.mode is None:
        return
    mode, alias = daemon.mode, daemon.mode_alias
    yield from _row("mode", mode if alias is None else f"{alias} (alias of {mode})")


def _errors(status: StatusResult) -> Iterator[str]:
    for error in status.errors:
        yield from _row("error", error.message, Role.BAD)
        yield from _row("next", error.suggested_action or "-")


def in_brief(status: StatusResult, now: datetime | None = None) -> str:
    """Return the status in one line, with the time."""
    now = now or datetime.now(UTC)
    parts = [f"{now.astimezone():%H:%M:%S}", *_brief_parts(status)]
    return " · ".join(map(in_line, parts))


def _brief_parts(status: StatusResult) -> Iterator[str]:
    place, daemon = status.workspace, status.daemon
    if place is None or not place.initialised or daemon is None:
        yield "no Millrace workspace yet"
        yield from (f"error: {error.message}" for error in status.errors)
        return
    yield f"daemon {_daemon_in_brief(daemon)}"
    active = status.active
    if active is not None:
        yield f"{active.stage or 'a stage'} on {active.work_item_id or 'its own work'}"
    blocked = len(_in(status, waiting=False))
    yield f"{sum(status.queue_depths.values())} queued"
    yield f"{blocked} blocked"
    if status.ended:
        end = status.ended[0]
        yield f"last: {end.work_item_id} {end.state}"
    for error in status.errors:
        yield f"error: {error.message}"


def _daemon_in_brief(daemon: DaemonDocument) -> str:
    words = [str(daemon.state)]
    if daemon.paused:
        words.append("paused")
    if daemon.stop_requested:
        words.append("asked to stop")
    return ", ".join(words)


def _daemon(daemon: DaemonDocument | None) -> str:
    if daemon is None:
        return "-"
    words = [_STATES[daemon.state]]
    if daemon.pid is not None:
        words[0] += f" (process {daemon.pid})"
    if daemon.owner is not None:
        words.append(_OWNERS[daemon.owner])
    if daemon.watched:
        words.append("watched by a millracer command")
    if daemon.paused:
        words.append(f"paused by {daemon.pause_sources}")
    if daemon.stop_requested:
        words.append("asked to stop")
    return ", ".join(words)


def _active(active: ActiveDocument | None, now: datetime) -> str:
    if active is None:
        return "-"
    text = f"{active.stage or 'a stage'} on {active.work_item_id or 'its own work'}"
    return text if active.since is None else f"{text}, {_ago(active.since, now)}"


def _queue(status: StatusResult) -> str:
    if not status.queue_depths:
        return "not known"
    return " · ".join(f"{plane} {depth}" for plane, depth in status.queue_depths.items())


def _in(status: StatusResult, *, waiting: bool) -> list[UnfinishedDocument]:
    states = (
        {ItemState.QUEUED, ItemState.INBOX, ItemState.MAILBOX} if waiting else {ItemState.BLOCKED}
    )
    return [each for each in status.unfinished if each.state in states]


def _listed(name: str, items: Sequence[UnfinishedDocument], role: Role = Role.DIM) -> Iterator[str]:
    for at, item in enumerate(items[:_SHOWN]):
        title = one_line(item.title, _TITLE_LENGTH)
        yield from _row("" if at else name, f"{item.work_item_id}  {title}", role)
        if item.reason:
            yield from hanging(f"{_INDENT}  ", in_line(item.reason))
    if len(items) > _SHOWN:
        yield f"{_INDENT}… and {len(items) - _SHOWN} more"


def _ended(ended: Sequence[EndDocument], now: datetime) -> Iterator[str]:
    for at, end in enumerate(ended):
        why = f"  {end.reason}" if end.reason else ""
        state = painted_state(end.state, 9)
        yield from _row(
            "" if at else "ended", f"{state}  {end.work_item_id}  {_ago(end.at, now)}{why}"
        )


def _next(status: StatusResult) -> Iterator[str]:
    advised = " ".join(error.suggested_action or "" for error in status.errors)
    for step in (each for each in status.next_steps if each.command not in advised):
        yield from command_lines(
            f"{_label('next', Role.DIM)}to {step.action}: ", in_line(step.command)
        )


def _row(name: str, text: str, role: Role = Role.DIM) -> list[str]:
    return hanging(_label(name, role), in_line(text))


def _label(name: str, role: Role) -> str:
    return f"  {paint(f'{name:<8}', role)}"


def _ago(moment: datetime, now: datetime) -> str:
    ago = age(moment, now)
    return ago if ago.endswith("Z") else f"{ago} ago"
