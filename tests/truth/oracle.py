"""What is true about one delegated request, by Millrace's own files and nothing of the product.

Nothing here imports `millracer`, runs a program or asks Millrace: a finished workspace's files are
read below `millrace-agents/`, and only these:

- `tasks|specs|probes/{queue,active,done,blocked,...}/ID.md` and
  `incidents/{incoming,active,resolved,blocked,...}/ID.md`: the folder is the item's state, the
  header lines (`Label: value`) say what it came out of, the list `Depends-On:` what it waits for;
- `runs/RUN/stage_results/*.json`: each stage's own result (`work_item_id`, `stage`,
  `terminal_result`, `metadata.request_kind`, `metadata.closure_target_root_spec_id`);
- `runs/RUN/generated_task.md` and `generated_spec.md`: what a recon run made of its probe;
- `intake/ideas/normalized/*.json`: the spec an idea's file was made into (Millrace 0.21; before it
  the spec is the file's stem, with `idea-` before it where that is missing);
- `intake/ideas/inbox/` and the workspace's `ideas/inbox/`: whether the idea is still there;
- `arbiter/targets/SPEC.json`: whether a root spec is closed, by which run, and what keeps it open:
  Millrace counts a blocked task without any root spec, also a foreign one, against every target.

The run traces, the event log, the status and Millrace's commands, which the product reads, are not
read here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_FAMILIES = ("tasks", "specs", "probes", "incidents")
_LIVE = frozenset({"queue", "active", "incoming"})
_HEADER = re.compile(r"^([A-Z][A-Za-z-]*):[ \t]+(\S.*)$", re.MULTILINE)
_DEPENDENCIES = re.compile(r"^Depends-On:\n((?:- .+\n?)+)", re.MULTILINE)
#: Header lines that name what a document came out of.
_PARENTS = (
    *("Spec-ID", "Root-Spec-ID", "Source-Spec-ID", "Root-Idea-ID", "Root-Intake-ID"),
    *("Incident-ID", "Source-Task-ID", "Source-ID", "Parent-Task-ID"),
)
_GENERATED = {
    "RECON_TO_EXECUTION": ("tasks", "generated_task.md", "Task-ID"),
    "RECON_TO_PLANNING": ("specs", "generated_spec.md", "Spec-ID"),
}


class Truth(StrEnum):
    """What a result may say: only this."""

    COMPLETED = "completed"
    BLOCKED = "blocked"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The truth and more to hold a result against.

    Attributes:
        truth: what the result may say.
        why: for people.
        moving: the work that Millrace would continue, were it started again.
        repeats: the greatest number of times a stage of one item of the lineage ended the same.
    """

    truth: Truth
    why: str
    moving: tuple[str, ...] = ()
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    family: str
    item_id: str
    folder: str
    headers: dict[str, str]
    depends_on: tuple[str, ...]

    @property
    def live(self) -> bool:
        return self.folder in _LIVE


def find_truth(root: Path, item_id: str | None, kind: str | None) -> Found:
    """Read a workspace in which nothing runs any more.

    Args:
        root: the workspace.
        item_id: the item as the result names it; None when it names none.
        kind: `task`, `probe` or `idea`.
    """
    if item_id is None or kind is None:
        return Found(truth=Truth.INCOMPLETE, why="the result names no work item")
    return _Files(root / "millrace-agents").judge(item_id, kind)


class _Files:
    def __init__(self, agents: Path) -> None:
        self._agents = agents
        self._items = [
            _read_item(family, path)
            for family in _FAMILIES
            for path in sorted((agents / family).glob("*/*.md"))
        ]
        self._results = [
            {"run_id": path.parents[1].name, **_json(path)}
            for path in sorted((agents / "runs").glob("*/stage_results/*.json"))
        ]

    def judge(self, item_id: str, kind: str) -> Found:
        gap, start = self._gap(item_id, kind)
        members = self._lineage(start)
        repeats = self._repeats({item.item_id for item in members} | start)
        if gap is None:
            return Found(truth=Truth.COMPLETED, why="every proof is there", repeats=repeats)
        if kind == "task":
            members = [item for item in members if item.item_id == item_id]
        stopped = [item.item_id for item in members if item.folder == "blocked"]
        stopped += self._blockers({item.item_id for item in members})
        moving = [item.item_id for item in members if self._can_move(item)]
        if kind != "task" and not stopped:
            moving += self._still_to_come(item_id, {item.item_id for item in members})
        if stopped and not moving:
            why = f"{gap}; blocked: {', '.join(stopped)}"
            return Found(truth=Truth.BLOCKED, why=why, repeats=repeats)
        why = f"{gap}; blocked: {stopped}, moving: {moving}"
        return Found(truth=Truth.INCOMPLETE, why=why, moving=tuple(moving), repeats=repeats)

    def _gap(self, item_id: str, kind: str) -> tuple[str | None, set[str]]:
        """Return what is missing, None for nothing, and the items the lineage begins with."""
        match kind:
            case "task":
                return self._task_gap(item_id), {item_id}
            case "probe":
                return self._probe_gap(item_id)
            case "idea":
                spec = self._spec_of_idea(item_id)
                if spec is None:
                    return "the idea is no spec yet", set()
                return self._spec_gap(spec), {spec}
        raise ValueError(f"there is no kind {kind}")

    def _task_gap(self, task_id: str) -> str | None:
        if self._folder("tasks", task_id) != "done":
            return f"task {task_id} is in {self._folder('tasks', task_id)}"
        updated = any(
            result["work_item_id"] == task_id
            and result["stage"] == "updater"
            and result["terminal_result"] == "UPDATE_COMPLETE"
            for result in self._results
        )
        return None if updated else f"no updater ended UPDATE_COMPLETE for task {task_id}"

    def _probe_gap(self, probe_id: str) -> tuple[str | None, set[str]]:
        if self._folder("probes", probe_id) != "done":
            return f"probe {probe_id} is in {self._folder('probes', probe_id)}", {probe_id}
        recons = [
            result
            for result in self._results
            if result["work_item_id"] == probe_id
            and result["stage"] == "recon"
            and result["terminal_result"] in {"RECON_NOOP", *_GENERATED}
        ]
        if not recons:
            return f"no recon of probe {probe_id} decided anything", {probe_id}
        last = max(recons, key=lambda result: str(result["completed_at"]))
        if last["terminal_result"] == "RECON_NOOP":
            return None, {probe_id}
        family, name, label = _GENERATED[last["terminal_result"]]
        generated = self._agents / "runs" / last["run_id"] / name
        derived = _headers(generated.read_text(encoding="utf-8"))[label]
        judge = self._task_gap if family == "tasks" else self._spec_gap
        return judge(derived), {probe_id, derived}

    def _spec_gap(self, spec_id: str) -> str | None:
        if self._folder("specs", spec_id) != "done":
            return f"spec {spec_id} is in {self._folder('specs', spec_id)}"
        path = self._agents / "arbiter" / "targets" / f"{spec_id}.json"
        if not path.exists():
            return f"no closure target of {spec_id}"
        target = _json(path)
        if target["closure_open"] is not False:
            return f"the closure target of {spec_id} is open"
        closed = any(
            result["run_id"] == target["last_arbiter_run_id"]
            and result["stage"] == "arbiter"
            and result["terminal_result"] == "ARBITER_COMPLETE"
            and result["metadata"].get("request_kind") == "closure_target"
            and result["metadata"].get("closure_target_root_spec_id") == spec_id
            for result in self._results
        )
        return None if closed else f"the run that closed {spec_id} has no ARBITER_COMPLETE for it"

    def _spec_of_idea(self, item_id: str) -> str | None:
        stem = item_id if item_id.startswith("idea-") else f"idea-{item_id}"
        normalized = self._agents / "intake" / "ideas" / "normalized"
        for path in sorted(normalized.glob("*.json")):
            document = _json(path)
            sources = (document.get("source_path"), document.get("archived_source"))
            if stem in {Path(source).stem for source in sources if source}:
                return str(document["spec_id"])
        return stem if self._folder("specs", stem) else None

    def _lineage(self, start: set[str]) -> list[_Item]:
        known = set(start)
        while True:
            found = {
                item.item_id
                for item in self._items
                if any(item.headers.get(label) in known for label in _PARENTS)
            }
            if found <= known:
                return [item for item in self._items if item.item_id in known]
            known |= found

    def _can_move(self, item: _Item, seen: frozenset[str] = frozenset()) -> bool:
        """Whether Millrace would still take it up: what waits for a blocked item is not taken."""
        if not item.live or item.item_id in seen:
            return False
        if item.folder == "active":
            return True
        return all(
            any(
                other.folder == "done" or self._can_move(other, seen | {item.item_id})
                for other in self._items
                if other.item_id == dependency
            )
            for dependency in item.depends_on
        )

    def _still_to_come(self, item_id: str, members: set[str]) -> list[str]:
        """Return what no item stands for yet: an idea in the inbox, an Arbiter's run."""
        inboxes = (self._agents / "intake" / "ideas" / "inbox", self._agents.parent / "ideas/inbox")
        name = f"idea-{item_id.removeprefix('idea-')}.md"
        coming = [f"{name} in the inbox" for inbox in inboxes if (inbox / name).exists()]
        if coming and not members:
            return coming
        return [
            f"the Arbiter of {path.stem}"
            for path in sorted((self._agents / "arbiter" / "targets").glob("*.json"))
            if path.stem in members
            for target in (_json(path),)
            if target["closure_open"] and not target["closure_blocked_by_lineage_work"]
        ]

    def _blockers(self, members: set[str]) -> list[str]:
        """Return the blocked items that keep an open target of the lineage from its Arbiter."""
        paths = (self._agents / "arbiter" / "targets").glob("*.json")
        targets = [_json(path) for path in sorted(paths) if path.stem in members]
        named = {
            blocker
            for target in targets
            if target["closure_open"] and target["closure_blocked_by_lineage_work"]
            for blocker in target["blocking_work_ids"]
        }
        keeping = [item for item in self._items if item.item_id in named - members]
        if any(item.folder != "blocked" for item in keeping):
            return []
        return [item.item_id for item in keeping]

    def _folder(self, family: str, item_id: str) -> str | None:
        folders = [
            item.folder for item in self._items if item.family == family and item.item_id == item_id
        ]
        if len(folders) > 1:
            raise AssertionError(f"{family} {item_id} lies in {folders} at once")
        return folders[0] if folders else None

    def _repeats(self, members: set[str]) -> int:
        counts = Counter(
            (result["work_item_id"], result["stage"], result["terminal_result"])
            for result in self._results
            if result["work_item_id"] in members
        )
        return max(counts.values(), default=0)


def _read_item(family: str, path: Path) -> _Item:
    text = path.read_text(encoding="utf-8")
    listed = _DEPENDENCIES.search(text)
    depends_on = listed.group(1).splitlines() if listed else []
    return _Item(
        family=family,
        item_id=path.stem,
        folder=path.parent.name,
        headers=_headers(text),
        depends_on=tuple(line.removeprefix("- ").strip() for line in depends_on),
    )


def _headers(text: str) -> dict[str, str]:
    return {label: value.strip() for label, value in _HEADER.findall(text)}


def _json(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict), path
    return document
