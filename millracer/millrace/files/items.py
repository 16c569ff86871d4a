"""Says where one work item stands, under every kind: queue, mailbox, inbox, derived spec.

Millrace is asked once (`queue show`), and the folders say what it cannot: what waits in the mailbox
or the inbox, what was set aside or refused, why something was archived, and whether the answer is
about our item at all. Calls of `millrace` per look-up: none without `millrace-agents/`; one as a
rule; up to three when the item moves on between the folders and the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.requests import IntakeKind
from millracer.millrace.commands.calls import refusal
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.files.ideas import (
    IdeaSight,
    has_source,
    idea_file_names,
    see_idea,
    source_text,
    why_not_taken_in,
)
from millracer.millrace.files.locate import Place, archived_place, find_place
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

_ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ASKED_AT_MOST = 3
_ARCHIVED = frozenset({ItemState.CANCELLED, ItemState.SUPERSEDED, ItemState.ARCHIVED})
_KINDS = {"task": IntakeKind.TASK, "probe": IntakeKind.PROBE}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """What the disk alone shows of the item, found in the direction in which items move."""

    item_id: str
    mailed: MailedAdd | None
    idea: IdeaSight
    place: Place | None

    @property
    def chosen(self) -> Place | None:
        """The file that is the item now; one that was set aside gives way to any other."""
        found = [place for place in (self.place, self.idea.spec) if place is not None]
        return min(found, key=lambda place: place.state.is_set_aside, default=None)

    @property
    def millrace_id(self) -> str:
        """The id to ask Millrace for: the item's own, or that of the spec an idea became."""
        became_spec = self.idea.spec_id is not None and self.chosen == self.idea.spec
        return self.idea.spec_id or self.item_id if became_spec else self.item_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MillraceItems:
    """Looks items up in one workspace; `now` is the wall clock."""

    questions: MillraceQuestions
    paths: WorkspacePaths
    now: Callable[[], datetime]

    def look_up(self, item_id: str, wait: Wait) -> ItemStatus:
        """Say where the item stands; see the port.

        Raises:
            ToolFailed: Millrace gave no answer, for another reason than not holding the item.
            ToolUnsupported: the install is broken.
        """
        if not self.paths.agents.is_dir():
            return self._absent(item_id, f"{self.paths.agents} does not exist")
        if not _ITEM_ID.fullmatch(item_id):
            return self._absent(item_id, "Millrace's pattern of ids, which this one does not match")
        for _ in range(_ASKED_AT_MOST - 1):
            sight = self._see(item_id)
            shown, words = self._show(sight.millrace_id, wait)
            if shown is not None:
                return self._shown(sight, shown)
            after = self._see(item_id)
            if after.chosen == sight.chosen:
                return self._from_disk(after, words)
        sight = self._see(item_id)
        shown, words = self._show(sight.millrace_id, wait)
        return self._from_disk(sight, words) if shown is None else self._shown(sight, shown)

    def _see(self, item_id: str) -> _Sight:
        mailed = find_add(self.paths, item_id, idea_file_names(item_id))
        idea = see_idea(self.paths, item_id)
        return _Sight(
            item_id=item_id,
            mailed=mailed,
            idea=idea,
            place=find_place(self.paths, item_id),
        )

    def _show(self, millrace_id: str, wait: Wait) -> tuple[Place | None, str]:
        """Ask Millrace; return the place it names if it is this item's, and its words otherwise."""
        completed = self.questions.ask("queue", "show", millrace_id, wait=wait)
        if completed.exit_code == 0:
            item = parse_item(completed.stdout)
            if not names_item(item.path, millrace_id):
                return None, f"it answered with another item's file, {item.path}"
            return Place(work_kind=item.work_kind, state=item.state, path=Path(item.path)), ""
        if is_absent(completed.stdout) or is_not_initialised(completed.stdout):
            return None, ""
        error = exception_line(completed.stderr)
        if error is not None:
            return None, error  # it found a file it cannot read
        raise refusal(completed)

    def _shown(self, sight: _Sight, shown: Place) -> ItemStatus:
        """Combine Millrace's answer with what only the disk says about the same item."""
        place = shown
        if shown.state in _ARCHIVED:
            if sight.mailed is not None and sight.mailed.state is ItemState.MAILBOX:
                return self._mailed(sight, sight.mailed)
            place = sight.chosen or archived_place(shown.path, shown.work_kind)
        asked = f"millrace queue show {sight.millrace_id}"
        source = asked if place.path == shown.path else str(place.path)
        return self._placed(sight, place, source=source, detail=place.detail)

    def _from_disk(self, sight: _Sight, words: str) -> ItemStatus:
        """Say what the folders show where Millrace has no answer about this item."""
        absent = self._absent(sight.item_id, f"millrace queue show {sight.millrace_id}")
        return next(self._claims(sight, words), absent)

    def _claims(self, sight: _Sight, words: str) -> Iterator[ItemStatus]:
        """Yield what each place on disk says, the one that counts most first."""
        place, mailed, idea = sight.chosen, sight.mailed, sight.idea
        if place is not None and not place.state.is_set_aside:
            yield self._placed(sight, place, source=str(place.path), detail=words)
        if mailed is not None and mailed.state is ItemState.MAILBOX:
            yield self._mailed(sight, mailed)
        if place is not None:
            yield self._placed(sight, place, source=str(place.path), detail=place.detail)
        if idea.inbox is not None:
            detail = why_not_taken_in(self.paths, idea.inbox)
            yield self._idea(sight, ItemState.INBOX, idea.inbox, detail)
        if idea.set_aside is not None:
            yield self._idea(sight, ItemState.INVALID, idea.set_aside, "")
        if mailed is not None and not is_duplicate(mailed.detail):
            yield self._mailed(sight, mailed)

    def _placed(self, sight: _Sight, place: Place, *, source: str, detail: str) -> ItemStatus:
        millrace_id = sight.millrace_id
        kind = _KINDS.get(place.work_kind)
        if place.work_kind == "spec" and (
            sight.idea.spec_id is not None or has_source(self.paths, millrace_id)
        ):
            kind = IntakeKind.IDEA
            text = source_text(self.paths, sight.item_id, millrace_id)
        else:
            text = self._document(millrace_id, place)
        return ItemStatus(
            item_id=sight.item_id,
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

    def _mailed(self, sight: _Sight, mailed: MailedAdd) -> ItemStatus:
        return ItemStatus(
            item_id=sight.item_id,
            state=mailed.state,
            source=str(mailed.path),
            observed_at=self.now(),
            kind=mailed.kind,
            millrace_id=sight.item_id,
            request_hash=mailed.request_hash,
            path=str(mailed.path),
            detail=mailed.detail,
            work_kind=mailed.kind.value,
        )

    def _idea(self, sight: _Sight, state: ItemState, path: Path, detail: str) -> ItemStatus:
        text = source_text(self.paths, sight.item_id, None)
        return ItemStatus(
            item_id=sight.item_id,
            state=state,
            source=str(path),
            observed_at=self.now(),
            kind=IntakeKind.IDEA,
            millrace_id=sight.item_id,
            request_hash=None if text is None else request_hash_in(text),
            path=str(path),
            detail=detail,
            work_kind="idea",
        )

    def _absent(self, item_id: str, source: str) -> ItemStatus:
        return ItemStatus(
            item_id=item_id, state=ItemState.ABSENT, source=source, observed_at=self.now()
        )

    def _document(self, millrace_id: str, place: Place) -> str | None:
        """Return the item's stored document, found again where it moved on meanwhile."""
        with suppress(OSError):
            return place.path.read_text(encoding="utf-8", errors="replace")
        moved = find_place(self.paths, millrace_id)
        if moved is not None:
            with suppress(OSError):
                return moved.path.read_text(encoding="utf-8", errors="replace")
        return None
