"""Writes what Millrace leaves on disk of a lineage: documents, events, traces, closure targets.

The shapes are those of real runs of 0.18.6 to 0.21.1, without unread fields.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_ID_LABELS = {"task": "Task-ID", "probe": "Probe-ID", "spec": "Spec-ID", "incident": "Incident-ID"}
_MOMENT = "2026-11-22T11:00:00Z"


@dataclass(frozen=True, slots=True)
class LineageFiles:
    """Millrace's folder in a workspace."""

    agents: Path

    def document(
        self, kind: str, item_id: str, folder: str, *more: str, name: str | None = None
    ) -> Path:
        """Write an item's document with further lines, such as `Spec-ID: s`."""
        text = "\n".join(
            [f"# {item_id}", "", f"{_ID_LABELS[kind]}: {item_id}", f"Title: {item_id}", *more, ""]
        )
        return self._write(f"{kind}s/{folder}/{name or item_id}.md", text)

    def spec_of_idea(self, spec_id: str, folder: str, inbox_file: str) -> Path:
        """Write the spec that Millrace makes of an inbox file."""
        return self.document(
            "spec",
            spec_id,
            folder,
            "Source-Type: idea",
            f"Source-ID: {spec_id}",
            f"Root-Spec-ID: {spec_id}",
            "",
            "References:",
            f"- millrace-agents/intake/sources/idea/{spec_id}.md",
            f"- millrace-agents/intake/ideas/inbox/{inbox_file}",
        )

    def event(self, event_type: str, **data: object) -> None:
        """Append a line to the event log."""
        log = self.agents / "logs" / "runtime_events.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True)
        line = {"event_type": event_type, "occurred_at": _MOMENT, "data": data}
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def run(  # noqa: PLR0913 - one argument for each thing a run says
        self,
        run_id: str,
        kind: str,
        item_id: str,
        stage: str,
        result: str,
        *,
        status: str = "complete",
        closes: bool = False,
        spawned: tuple[tuple[str, str], ...] = (),
    ) -> str:
        """Write a run of one stage: its trace and its events; return the trace's text."""
        work = {"work_item_kind": kind, "work_item_id": item_id}
        request = {
            "request_kind": "closure_target" if closes else "active_work_item",
            "closure_target_root_spec_id": item_id if closes else None,
        }
        edge = {
            "outcome": result,
            "spawned_work": [{"kind": each, "item_id": name} for each, name in spawned],
        }
        node = {"stage": stage, "terminal_result": result, "completed_at": _MOMENT}
        trace = json.dumps(
            {"run_id": run_id, "status": status, **work, **request}
            | {"nodes": [{**node, **work, **request}], "edges": [edge]}
        )
        self._write(f"runs/{run_id}/run_trace.json", trace)
        started = dict.fromkeys(work) if closes else work
        self.event("stage_started", run_id=run_id, stage=stage, **started)
        self.event("stage_completed", run_id=run_id, stage=stage, terminal_result=result, **work)
        return trace

    def target(
        self, spec_id: str, *, is_open: bool, run_id: str | None = None, **more: object
    ) -> None:
        """Write a spec's closure target."""
        target = {"root_spec_id": spec_id, "closure_open": is_open, "last_arbiter_run_id": run_id}
        self._write(f"arbiter/targets/{spec_id}.json", json.dumps(target | more))

    def note(self, spec_id: str, inbox_file: str) -> None:
        """Write the note of 0.21 that says which spec an idea became."""
        note = {"spec_id": spec_id, "source_path": f"/w/intake/ideas/inbox/{inbox_file}"}
        self._write(f"intake/ideas/normalized/{spec_id}.json", json.dumps(note))

    def _write(self, name: str, text: str) -> Path:
        path = self.agents / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path
