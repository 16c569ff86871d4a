"""Look up the status of a work item of any kind: in the queue, mailbox, inbox or a derived spec.

One `millrace queue show` gives the state. The folders show what that command cannot: items that
wait in the mailbox or the inbox, items that were set aside or refused, why an item was archived,
and whether the answer is about the requested item. Each look-up calls `millrace` once as a rule,
never without `millrace-agents/`, and up to three times if the item moves between the folder search
and the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.millrace.commands.calls import refusal
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.files.items.ideas import (
    IdeaSight,
    has_source,
    idea_file_names,
    see_idea,
    source_text,
    why_not_taken_in,
)
from millracer.millrace.files.items.locate import Place, archived_place, find_place
from millracer.millrace.files.mailbox import MailedAdd, find_add
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.fields import request_hash_in
from millracer.millrace.wire.text_output import (
    is_absent,
    is_duplicate,
    is_not_initialised,
    names_item,
    parse_item,
)
from millracer.millrace.wire.traceback import exception_line
from millracer.system.files import read_regular_text

_ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_CALLS = 3
_ARCHIVED = frozenset({ItemState.CANCELLED, ItemState.SUPERSEDED, ItemState.ARCHIVED})
_KINDS = {"task": IntakeKind.TASK, "probe": IntakeKind.PROBE}


@dataclass(frozen=True, slots=True, kw_only=True)
class _DiskView:
    """The item as the disk alone shows it, searched in the direction in which items move."""

    item_id: str
    mailed: MailedAdd | None
    idea: IdeaSight
    place: Place | None

    @property
    def chosen(self) -> Place | None:
        """The item's current file; a file that was set aside ranks below any other."""
        found = [place for place in (self.place, self.idea.spec) if place is not None]
        return min(found, key=lambda place: place.state.is_set_aside, default=None)

    @property
    def millrace_id(self) -> str:
        """The id under which Millrace knows the item: its own, or its idea's derived spec's."""
        became_spec = self.idea.spec_id is not None and self.chosen == self.idea.spec
        return self.idea.spec_id or self.item_id if became_spec else self.item_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MillraceItems:
    """Looks up items in one workspace; `now` is the wall clock."""

    questions: MillraceQuestions
    paths: WorkspacePaths
    now: Callable[[], datetime]

    def look_up(self, item_id: str, wait: Wait) -> ItemStatus:
        """Return the item's status; see the port.

        Raises:
            ToolFailed: `queue show` failed for another reason than that the item does not exist.
            ToolUnsupported: the install is broken.
        """
        if not self.paths.agents.is_dir():
            return self._build_absent(item_id, f"{self.paths.agents} does not exist")
        if not _ITEM_ID.fullmatch(item_id):
            return self._build_absent(
                item_id, "Millrace's id pattern, which this id does not match"
            )
        for _ in range(_MAX_CALLS - 1):
            view = self._view_disk(item_id)
            shown, error_text = self._query_place(view.millrace_id, wait)
            if shown is not None:
                return self._combine(view, shown)
            after = self._view_disk(item_id)
            if after.chosen == view.chosen:
                return self._read_from_disk(after, error_text)
        view = self._view_disk(item_id)
        shown, error_text = self._query_place(view.millrace_id, wait)
        return (
            self._read_from_disk(view, error_text) if shown is None else self._combine(view, shown)
        )

    def _view_disk(self, item_id: str) -> _DiskView:
        mailed = find_add(self.paths, item_id, idea_file_names(item_id))
        idea = see_idea(self.paths, item_id)
        return _DiskView(
            item_id=item_id,
            mailed=mailed,
            idea=idea,
            place=find_place(self.paths, item_id),
        )

    def _query_place(self, millrace_id: str, wait: Wait) -> tuple[Place | None, str]:
        """Query `queue show`; return the item's place, or None and the reason there is none."""
        completed = self.questions.ask("queue", "show", millrace_id, wait=wait)
        if completed.exit_code == 0:
            item = parse_item(completed.stdout)
            if not names_item(item.path, millrace_id):
                return None, f"Millrace returned another item's file, {item.path}"
            return Place(work_kind=item.work_kind, state=item.state, path=Path(item.path)), ""
        if is_absent(completed.stdout) or is_not_initialised(completed.stdout):
            return None, ""
        error = exception_line(completed.stderr)
        if error is not None:
            return None, error  # Millrace found a file that it cannot read
        raise refusal(completed)

    def _combine(self, view: _DiskView, shown: Place) -> ItemStatus:
        """Combine Millrace's answer with the facts that only the disk has about the item."""
        place = shown
        if shown.state in _ARCHIVED:
            if view.mailed is not None and view.mailed.state is ItemState.MAILBOX:
                return self._build_mailed(view, view.mailed)
            place = view.chosen or archived_place(shown.path, shown.work_kind)
        command = self.questions.describe("queue", "show", view.millrace_id)
        source = command if place.path == shown.path else str(place.path)
        return self._build_placed(view, place, source=source, detail=place.detail)

    def _read_from_disk(self, view: _DiskView, error_text: str) -> ItemStatus:
        """Return the status from the folders alone, for an item that Millrace did not find."""
        absent = self._build_absent(
            view.item_id, self.questions.describe("queue", "show", view.millrace_id)
        )
        return next(self._candidates(view, error_text), absent)

    def _candidates(self, view: _DiskView, error_text: str) -> Iterator[ItemStatus]:
        """Yield the status that each place on disk implies, the most significant first."""
        place, mailed, idea = view.chosen, view.mailed, view.idea
        if place is not None and not place.state.is_set_aside:
            yield self._build_placed(view, place, source=str(place.path), detail=error_text)
        if mailed is not None and mailed.state is ItemState.MAILBOX:
            yield self._build_mailed(view, mailed)
        if place is not None:
            yield self._build_placed(view, place, source=str(place.path), detail=place.detail)
        if idea.inbox is not None:
            detail = why_not_taken_in(self.paths, idea.inbox)
            yield self._build_idea(view, ItemState.INBOX, idea.inbox, detail)
        if idea.set_aside is not None:
            yield self._build_idea(view, ItemState.INVALID, idea.set_aside, "")
        if mailed is not None and not is_duplicate(mailed.detail):
            yield self._build_mailed(view, mailed)

    def _build_placed(
        self, view: _DiskView, place: Place, *, source: str, detail: str
    ) -> ItemStatus:
        millrace_id = view.millrace_id
        kind = _KINDS.get(place.work_kind)
        if place.work_kind == "spec" and (
            view.idea.spec_id is not None or has_source(self.paths, millrace_id)
        ):
            kind = IntakeKind.IDEA
            text = source_text(self.paths, view.item_id, millrace_id)
        else:
            text = self._read_document(millrace_id, place)
        return ItemStatus(
            item_id=view.item_id,
            state=place.state,
            source=source,
            observed_at=self.now(),
            kind=kind,
            millrace_id=millrace_id,
            request_hash=None if text is None else request_hash_in(text),
            path=str(place.path),
            detail=detail,
            work_kind=place.work_kind,
        )

    def _build_mailed(self, view: _DiskView, mailed: MailedAdd) -> ItemStatus:
        return ItemStatus(
            item_id=view.item_id,
            state=mailed.state,
            source=str(mailed.path),
            observed_at=self.now(),
            kind=mailed.kind,
            millrace_id=view.item_id,
            request_hash=mailed.request_hash,
            path=str(mailed.path),
            detail=mailed.detail,
            work_kind=mailed.kind.value,
        )

    def _build_idea(self, view: _DiskView, state: ItemState, path: Path, detail: str) -> ItemStatus:
        text = source_text(self.paths, view.item_id, None)
        return ItemStatus(
            item_id=view.item_id,
            state=state,
            source=str(path),
            observed_at=self.now(),
            kind=IntakeKind.IDEA,
            millrace_id=view.item_id,
            request_hash=None if text is None else request_hash_in(text),
            path=str(path),
            detail=detail,
            work_kind="idea",
        )

    def _build_absent(self, item_id: str, source: str) -> ItemStatus:
        return ItemStatus(
            item_id=item_id, state=ItemState.ABSENT, source=source, observed_at=self.now()
        )

    def _read_document(self, millrace_id: str, place: Place) -> str | None:
        """Return the item's stored document; search again if it has moved meanwhile."""
        with suppress(OSError):
            return read_regular_text(place.path)
        moved = find_place(self.paths, millrace_id)
        if moved is not None:
            with suppress(OSError):
                return read_regular_text(moved.path)
        return None
