"""Write the documents that Millrace's planning stages must produce, in the formats it accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from millracer.demo.project import Change
from millracer.demo.stage_request import StageRequest

_LINEAGE = re.compile(
    r"^(Root-Idea-ID|Root-Spec-ID|Root-Intake-Kind|Root-Intake-ID): (\S+)$", re.MULTILINE
)


def task_id_of(request: StageRequest, change: Change) -> str:
    """Return the id of the task that a planning stage creates for a change."""
    return f"{request.item_id}-{change.slug}"


def lineage_of(item_text: str) -> dict[str, str]:
    """Return the header lines of a document that name the origin of its work."""
    lineage: dict[str, str] = {}
    for label, value in _LINEAGE.findall(item_text):
        lineage.setdefault(label, value)
    return lineage


def generated_task(
    request: StageRequest,
    change: Change,
    now: datetime,
    *,
    lineage: Mapping[str, str],
    after: Change | None = None,
) -> str:
    """Return the task document that the requested stage creates for a change.

    Args:
        request: the stage.
        change: the change that the task requests.
        now: the creation time.
        lineage: the header lines that name the origin of the work.
        after: the change that must be done before it.
    """
    lists = {
        "Target-Paths": [change.path],
        "Acceptance": [change.acceptance],
        "Required-Checks": ["python -m unittest"],
        "References": ["README.md"],
        "Risk": ["Every price with a discount goes through this function."],
    }
    if after is not None:
        lists["Depends-On"] = [task_id_of(request, after)]
    fields = {
        "Task-ID": task_id_of(request, change),
        "Title": change.title,
        "Summary": change.title,
        **lineage,
    }
    return _document(change.title, fields, lists, now, request.stage)


def recon_packet(request: StageRequest, change: Change, now: datetime) -> str:
    """Return recon's document: the required change, and that it can be executed immediately."""
    title = "Why customers are charged too much"
    fields = {
        "Recon-Packet-ID": f"recon-{request.item_id}",
        "Probe-ID": request.item_id,
        "Decision": "to_execution",
        "Confidence": "high",
        "Risk-Level": "low",
        "Request-Summary": "Prices come out too high.",
        "Interpreted-Goal": change.acceptance,
        "Handoff-Target": "execution",
        "Emitted-Task-ID": task_id_of(request, change),
    }
    lists = {
        "Relevant-Paths": [f"{change.path} | the function that is wrong"],
        "Relevant-Symbols": ["discounted"],
        "Relevant-Tests": ["test_pricing.py | one of its tests fails"],
        "Semantic-Invariants": ["No discount leaves the price as it is."],
        "Edge-Cases-To-Preserve": ["A discount of zero percent."],
        "Required-Commands": ["python -m unittest"],
        "Focused-Checks": ["python -m unittest test_pricing"],
        "Fallback-Checks": ["none"],
        "Open-Questions": ["none"],
    }
    return _document(title, fields, lists, now, request.stage)


def planner_disposition(request: StageRequest, now: datetime) -> str:
    """Return the document that the work item can be split; Millrace requires it since 0.20."""
    return _json(
        {
            "schema_version": "1.0",
            "kind": "planner_disposition",
            "source_work_item_family_id": request.item_kind,
            "source_work_item_id": request.item_id,
            "disposition": "active_source_ready_for_manager",
            "emitted_spec_ids": [],
            "refined_active_source": False,
            "recommended_next_action": "Split the work into one task per file.",
            "created_at": _time(now),
            "created_by": request.stage,
        }
    )


def arbiter_rubric(request: StageRequest) -> str:
    """Return the criteria by which the arbiter judges the finished work."""
    return f"# Rubric of {request.root_spec_id}\n\n- tests: `python -m unittest` passes.\n"


def arbiter_verdict(request: StageRequest, now: datetime, terminal_result: str) -> str:
    """Return the verdict that the work meets every criterion."""
    return _json(
        {
            "schema_version": "1.0",
            "kind": "arbiter_verdict",
            "root_spec_id": request.root_spec_id,
            "run_id": request.run_id,
            "decided_at": _time(now),
            "status": terminal_result.lower(),
            "terminal_result": terminal_result,
            "summary": "The project's tests pass on the finished work.",
            "criteria": [{"criterion_id": "tests", "provenance": "fresh", "status": "met"}],
            "parity_gaps": [],
            "remediation_guidance": [],
        }
    )


def arbiter_report(request: StageRequest, test_output: str) -> str:
    """Return the arbiter's report with the output of the tests."""
    shown = "\n".join(f"    {line}" for line in test_output.strip().splitlines())
    return f"# Arbiter report on {request.root_spec_id}\n\nThe tests pass:\n\n{shown}\n"


def _document(
    title: str,
    fields: Mapping[str, str],
    lists: Mapping[str, Sequence[str]],
    now: datetime,
    author: str,
) -> str:
    header = {**fields, "Created-At": _time(now), "Created-By": author}
    lines = [f"# {title}", "", *(f"{label}: {value}" for label, value in header.items())]
    for label, entries in lists.items():
        lines += ["", f"{label}:", *(f"- {entry}" for entry in entries)]
    return "\n".join(lines) + "\n"


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2) + "\n"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
