"""Parse the text output of `millrace` commands. Pure: no I/O.

The output is either `key: value` lines, or one block of such lines per run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import ControlReceipt
from millracer.errors import ProtocolError

TOOL = "millrace"

_KEY = re.compile(r"([a-z][a-z0-9_]*): ?(.*)")
#: A mode with its components, or a mode alias with its target.
_MODE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:: *\w+=| +-> *\S).*")
_DUPLICATE = re.compile(r"already exists")
_ARCHIVED_NAME = re.compile(r"(?P<id>.+)\.(?P<when>\d{8}T\d{6}Z)\.[0-9a-f]{8}\.[a-z_]+\.md")

_STATES: Mapping[str, ItemState] = {
    "queue": ItemState.QUEUED,
    "incoming": ItemState.QUEUED,
    "active": ItemState.ACTIVE,
    "done": ItemState.DONE,
    "resolved": ItemState.DONE,
    "operator_resolved": ItemState.DONE,
    "blocked": ItemState.BLOCKED,
    "queue_cancelled": ItemState.CANCELLED,
    "incoming_cancelled": ItemState.CANCELLED,
    "active_cancelled": ItemState.CANCELLED,
    "blocked_cancelled": ItemState.CANCELLED,
    "queue_superseded": ItemState.SUPERSEDED,
    "blocked_superseded": ItemState.SUPERSEDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReceipt:
    """What `queue add-*` printed.

    Attributes:
        stored_path: where the item is now; None while it waits in a running daemon's mailbox.
        mailbox_command: the mailbox command to follow; exit code 0 alone is not acceptance.
        duplicate: the id is known already: look the item up.
    """

    stored_path: str | None = None
    mailbox_command: str | None = None
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """An item as `queue show` reports it; it may be another than the requested one."""

    work_kind: str
    state: ItemState
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """One block of `runs ls`."""

    run_id: str
    work_kind: str | None
    item_id: str | None


def parse_lines(text: str) -> dict[str, str]:
    """Return the `key: value` lines; other lines and repetitions of a key are skipped."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        match = _KEY.fullmatch(line.rstrip())
        if match is not None:
            found.setdefault(match[1], match[2].strip())
    return found


def parse_blocks(text: str, first_key: str) -> Iterator[dict[str, str]]:
    """Yield one mapping per block of lines that begins with `first_key`."""
    block: list[str] = []
    for line in text.split("\n"):
        if line.startswith(f"{first_key}:") and block:
            yield parse_lines("\n".join(block))
            block = []
        if block or line.startswith(f"{first_key}:"):
            block.append(line)
    if block:
        yield parse_lines("\n".join(block))


def parse_item(stdout: str) -> ShownItem:
    """Parse the output of a successful `queue show`.

    Raises:
        ProtocolError: a required line is missing, or the state is unknown.
    """
    lines = parse_lines(stdout)
    try:
        return ShownItem(
            work_kind=lines["work_item_kind"],
            state=_STATES[lines["work_item_state"]],
            path=lines["path"],
        )
    except KeyError as exc:
        raise ProtocolError(
            TOOL, f"`millrace queue show` printed no usable {exc}", raw=stdout
        ) from exc


def parse_runs(stdout: str) -> tuple[ListedRun, ...]:
    """Parse the output of `runs ls`, in Millrace's order."""
    return tuple(
        ListedRun(
            run_id=block["run_id"],
            work_kind=_read_value(block, "work_item_kind"),
            item_id=_read_value(block, "work_item_id"),
        )
        for block in parse_blocks(stdout, "run_id")
    )


def parse_receipt(stdout: str) -> AddReceipt:
    """Parse the output of a successful `queue add-*`: a stored path, or a mailbox receipt.

    Raises:
        ProtocolError: the output has neither.
    """
    lines = parse_lines(stdout)
    for key in ("enqueued_task", "enqueued_probe", "enqueued_idea"):
        if lines.get(key):
            return AddReceipt(stored_path=lines[key])
    if lines.get("mode") == "mailbox" and lines.get("command_id"):
        return AddReceipt(mailbox_command=lines["command_id"])
    raise ProtocolError(
        TOOL, "`millrace queue add` printed neither a path nor a command id", raw=stdout
    )


def parse_control(stdout: str) -> ControlReceipt:
    """Parse the output of a successful `control` command or `queue cancel`.

    Raises:
        ProtocolError: the output has neither a result nor a mailbox command to follow.
    """
    lines = parse_lines(stdout)
    applied, detail = lines.get("applied"), lines.get("detail", "")
    if lines.get("mode") == "mailbox" and lines.get("command_id"):
        return ControlReceipt(applied=False, pending_command=lines["command_id"], detail=detail)
    if applied not in {"true", "false"}:
        raise ProtocolError(
            TOOL, "Millrace did not report whether it applied the command", raw=stdout
        )
    return ControlReceipt(applied=applied == "true", detail=detail)


def parse_modes(stdout: str) -> tuple[str, ...]:
    """Parse the names in the output of `modes list`, in Millrace's order; skip other lines.

    Raises:
        ProtocolError: the output names no mode.
    """
    found = (_MODE.fullmatch(line.strip()) for line in stdout.split("\n"))
    names = tuple(dict.fromkeys(match["name"] for match in found if match is not None))
    if not names:
        raise ProtocolError(TOOL, "`millrace modes list` named no mode", raw=stdout)
    return names


def is_duplicate(reply: str) -> bool:
    """Whether Millrace's reply to an add reports that the id or the file already exists."""
    return _DUPLICATE.search(reply) is not None


def is_not_initialised(stdout: str) -> bool:
    """Whether the output reports that the workspace needs `init` first."""
    return "workspace is not initialized" in stdout


def is_absent(stdout: str) -> bool:
    """Whether `queue show` reports that the item does not exist."""
    return "work item not found" in stdout


def names_item(path: str, item_id: str) -> bool:
    """Whether a stored file is this item's: `<id>.md`, or its archived form in an archive folder.

    Millrace searches for `<id>.*.md`, so it may return `<id>.more.md`, another item's file.
    """
    file = PurePath(path)
    if file.parent.name in ("cancelled", "superseded", "operator"):
        archived = _ARCHIVED_NAME.fullmatch(file.name)
        if archived is not None:
            return archived["id"] == item_id
    return file.name == f"{item_id}.md"


def archived_id(file_name: str) -> str | None:
    """Return the item id in an archived file's name, None if the name has another form."""
    archived = _ARCHIVED_NAME.fullmatch(file_name)
    return None if archived is None else archived["id"]


def archived_at(file_name: str) -> str:
    """Return the sortable time in an archived file's name, empty if there is none."""
    archived = _ARCHIVED_NAME.fullmatch(file_name)
    return archived["when"] if archived is not None else ""


def _read_value(block: Mapping[str, str], key: str) -> str | None:
    value = block.get(key)
    return None if value in (None, "", "none") else value
