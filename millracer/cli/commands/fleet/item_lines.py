"""Render items of the fleet as text: a table, one progress row, or everything about one item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from millracer.cli.terminal.ages import age
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.style import Role, Stream, columns, paint
from millracer.cli.terminal.tables import in_line, one_line, table
from millracer.domain.failures import NOT_COMPLETED
from millracer.domain.fleet.explanation import explain
from millracer.domain.fleet.items import FleetItem, FleetItemState
from millracer.domain.fleet.outcomes import cause_of_end
from millracer.domain.run.outcome import Outcome
from millracer.errors import CertificateImpossible

if TYPE_CHECKING:
    from millracer.schemas.fleet.item import FleetItemResult
    from millracer.schemas.fleet.report import FleetItemDocument

_HEADER = ("ITEM", "WORKSPACE", "HOST", "STATE", "PRIO", "TRY", "SINCE")
#: A narrower terminal has no room for the reasons in the table.
_WIDE_COLUMNS = 120
_TASK_LENGTH = 100
_LABEL_COLUMNS = 11


def item_table(items: Sequence[FleetItemDocument], now: datetime) -> list[str]:
    """Return the lines of a table of items.

    On a narrow terminal, the reason of an item has a line of its own.
    """
    if not items:
        return ["no items"]
    rows = [_table_row(each, now) for each in items]
    whys = [_why(each) for each in items]
    room = columns(Stream.OUT)
    if room is None or room >= _WIDE_COLUMNS:
        lines = ((*row, why) for row, why in zip(rows, whys, strict=True))
        return table((*_HEADER, "WHY"), lines, shrinks=("WHY", "ITEM"))
    header, *shown = table(_HEADER, rows, shrinks=("ITEM",))
    return [header, *(line for pair in zip(shown, whys, strict=True) for line in _pair(*pair))]


def _pair(row: str, why: str) -> list[str]:
    return [row, *(hanging("  ", why) if why else ())]


def _table_row(item: FleetItemDocument, now: datetime) -> tuple[str, ...]:
    return (
        item.work_item_id,
        item.workspace_id or f"({item.label})",
        item.host or "-",
        state_of(item),
        str(item.priority),
        str(item.attempts),
        age(_since(item), now),
    )


def _why(item: FleetItemDocument) -> str:
    """Return why an item does not continue; of one that does, its progress."""
    if item.why or not _is_running(item) or item.progress is None:
        return item.why
    return item.progress.message


def state_of(item: FleetItemDocument) -> str:
    """Return the state of an item in words, with its stage or outcome."""
    match item.state:
        case FleetItemState.RUNNING:
            stage = item.progress.stage if item.progress is not None else ""
            return paint(f"running: {stage}" if stage else "running", Role.COMMAND)
        case FleetItemState.SET_ASIDE:
            return paint("set aside", Role.WARNING)
        case FleetItemState.ENDED:
            outcome = (item.outcome or "ended").replace("_", " ")
            if item.completed:
                return paint(outcome, Role.GOOD)
            is_bad = item.outcome in {Outcome.FAILED, Outcome.CRASHED}
            return paint(outcome, Role.BAD if is_bad else Role.WARNING)
        case _:
            return str(item.state)


def say_change(item: FleetItem) -> None:
    """Write one row about an item that a command waits for to standard error."""
    say(f"{item.item_id}: {in_line(_row(item))}")


def _row(item: FleetItem) -> str:
    match item.state:
        case FleetItemState.RUNNING:
            progress = item.progress
            words = ["running" if item.host is None else f"running on {item.host}"]
            if progress is not None:
                words += [text for text in (progress.stage, progress.message) if text]
            why = explain(item)
            return ": ".join(words) + (f" ({why})" if why else "")
        case FleetItemState.ENDED:
            return f"ended as {item.outcome}"
        case _:
            why = explain(item)
            state = item.state.replace("_", " ")
            return f"{state}: {why}" if why else state


def item_lines(result: FleetItemResult, now: datetime, *, history: bool) -> list[str]:
    """Return everything about one item as lines.

    Args:
        result: the document.
        now: reference time for ages.
        history: also the refused results.
    """
    item = result.item
    if item is None:
        return []
    task = ((result.request or {}).get("input") or {}).get("text") or ""
    progress = None if item.state is FleetItemState.ENDED else item.progress
    error, remedy = cause_of_end(result.result)
    rows: list[tuple[str, str | None]] = [
        ("item", item.work_item_id),
        ("task", one_line(task, _TASK_LENGTH)),
        ("state", state_of(item)),
        ("why", item.why or None),
        ("workspace", item.workspace_id or f"the first free one with the label {item.label}"),
        ("host", _host(item, now)),
        ("submitted", f"{age(item.submitted_at, now)} ago by {item.submitted_by}"),
        ("priority", str(item.priority)),
        ("attempts", _attempts(item)),
        ("progress", None if progress is None else f"{progress.stage} {progress.message}".strip()),
        ("ended", None if item.ended_at is None else f"{age(item.ended_at, now)} ago"),
        ("completed", None if item.completed is None else _completed(result, item)),
        ("error", error or None),
        ("remedy", f"on {item.host}: {remedy}" if remedy and item.host else None),
        ("refused", _refused(result)),
    ]
    lines = [f"{name:<{_LABEL_COLUMNS}}{in_line(value)}" for name, value in rows if value]
    if history:
        lines += [
            f"{'':<{_LABEL_COLUMNS}}{each.at:%Y-%m-%d %H:%M:%S}Z epoch {each.epoch}: "
            f"{in_line(each.why)}"
            for each in result.refused
        ]
    return lines


def certificate_text(result: FleetItemResult) -> str:
    """Return the signed certificate of a completed item as JSON.

    Raises:
        CertificateImpossible: the item is not completed, or its result has no certificate.
    """
    item, envelope = result.item, result.signed_certificate
    if envelope is not None:
        return json.dumps(envelope)
    if item is None or not item.completed:
        name, state = ("it", "unknown") if item is None else (item.work_item_id, state_of(item))
        raise CertificateImpossible(
            f"{name} is not completed: {state}",
            code=NOT_COMPLETED,
            suggested_action=f"wait for its end with `millracer fleet wait {name}`",
        )
    warnings = (result.result or {}).get("warnings") or ()
    why = next((each["message"] for each in warnings if each["code"] == "certificate_not_made"), "")
    raise CertificateImpossible(
        f"{item.work_item_id} is completed, and its host made no certificate"
        + (f": {why}" if why else ""),
        code="certificate_missing",
        suggested_action=f"make one in its workspace on {item.host or 'its host'}: "
        f"`millracer certify {item.work_item_id}`; for later items, make a key there with "
        "`millracer keys new`. `millracer fleet show --json` has the proof without a signature",
    )


def _host(item: FleetItemDocument, now: datetime) -> str | None:
    if item.host is None:
        return None
    seen = item.host_seen_at
    return f"{item.host}, " + ("never seen" if seen is None else f"seen {age(seen, now)} ago")


def _attempts(item: FleetItemDocument) -> str:
    epoch = "" if item.epoch is None else f", epoch {item.epoch}"
    return f"{item.attempts} (dispatch {item.dispatch}{epoch})"


def _completed(result: FleetItemResult, item: FleetItemDocument) -> str:
    if item.completed:
        return "yes, Millrace's evidence proves it"
    missing = ((result.result or {}).get("completion") or {}).get("missing_evidence") or []
    return f"no; {missing[0]}" if missing else "no"


def _refused(result: FleetItemResult) -> str | None:
    count = len(result.refused)
    if not count:
        return None
    return "1 result of a former lease" if count == 1 else f"{count} results of former leases"


def _since(item: FleetItemDocument) -> datetime:
    if item.state is FleetItemState.ENDED and item.ended_at is not None:
        return item.ended_at
    if _is_running(item) and item.claimed_at is not None:
        return item.claimed_at
    return item.submitted_at


def _is_running(item: FleetItemDocument) -> bool:
    return item.state is FleetItemState.RUNNING
