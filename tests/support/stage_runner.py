"""A stand-in for pi as Millrace's stage runner: fast, scripted, standard library only.

Started by a real Millrace daemon as `[runners.pi] command`, it speaks the part of pi's RPC protocol
the daemon uses, leaves the artifacts the stage must leave, and ends as its scenario says. Every
call is noted in a JSONL file before and after the stage (`phase` is `started` or `ended`).

A scenario is the JSON that `tests.support.scenario` writes:
`{"log": FILE, "default": STEP, "steps": {"builder": [STEP, ...], "builder:ITEM": [STEP, ...]}}`.
The list for a stage and item wins over the list for the stage; the n-th call of a stage (of a stage
on that item) takes the n-th step, later ones the last.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

SUCCESS = {
    "builder": "BUILDER_COMPLETE",
    "checker": "CHECKER_PASS",
    "fixer": "FIXER_COMPLETE",
    "doublechecker": "DOUBLECHECK_PASS",
    "updater": "UPDATE_COMPLETE",
    "troubleshooter": "TROUBLESHOOT_COMPLETE",
    "consultant": "CONSULT_COMPLETE",
    "recon": "RECON_TO_EXECUTION",
    "planner": "PLANNER_COMPLETE",
    "manager": "MANAGER_COMPLETE",
    "mechanic": "MECHANIC_COMPLETE",
    "auditor": "AUDITOR_COMPLETE",
    "arbiter": "ARBITER_COMPLETE",
}
RECON_ROUTES = {
    "RECON_TO_EXECUTION": "execution",
    "RECON_TO_PLANNING": "planning",
    "RECON_NOOP": "noop",
    "RECON_BLOCKED": "blocked",
}
LINEAGE_LABELS = ("Root-Idea-ID", "Root-Spec-ID", "Root-Intake-Kind", "Root-Intake-ID")


class Request:
    """The stage request as the prompt states it."""

    def __init__(self, prompt: str) -> None:
        self._fields = dict(re.findall(r"^([A-Z][A-Za-z ]+): (.*)$", prompt, re.MULTILINE))
        self.stage = self._fields["Stage"]
        self.item_kind, _, self.item_id = self._fields["Active Work Item"].partition(" ")
        self.run_directory = Path(self._fields["Run Directory"])

    def text(self, label: str) -> str:
        return self._fields.get(label, "none")

    @property
    def subject(self) -> str:
        """The work item's id; for the arbiter, which has none, the root spec's."""
        if self.item_id != "none":
            return self.item_id
        return self.text("Closure Target Root Spec ID")

    def lineage(self) -> dict[str, str]:
        """What the active document says about where it comes from."""
        source = Path(self.text("Active Work Item Path"))
        text = source.read_text(encoding="utf-8") if source.is_file() else ""
        found = dict(re.findall(r"^([A-Z][A-Za-z-]+): (.+)$", text, re.MULTILINE))
        return {label: found[label] for label in LINEAGE_LABELS if label in found}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(title: str, fields: dict[str, str], lists: dict[str, list[str]]) -> str:
    lines = [f"# {title}", "", *(f"{label}: {value}" for label, value in fields.items())]
    for label, items in lists.items():
        lines += ["", f"{label}:", *(f"- {item}" for item in items)]
    return "\n".join(lines) + "\n"


def task_document(task: dict[str, object], created_by: str, lineage: dict[str, str]) -> str:
    title = str(task.get("title", task["id"]))
    lists = {
        "Target-Paths": ["."],
        "Acceptance": ["As scripted."],
        "Required-Checks": ["none scripted"],
        "References": ["README.md"],
        "Risk": ["none stated"],
    }
    if task.get("depends_on"):
        lists["Depends-On"] = [str(item) for item in task["depends_on"]]
    fields = {"Task-ID": str(task["id"]), "Title": title, "Summary": title, **lineage}
    fields |= {"Created-At": now(), "Created-By": created_by}
    return document(title, fields, lists)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def leave_recon(request: Request, marker: str, step: dict) -> None:
    probe = request.item_id
    route = RECON_ROUTES.get(marker)
    if route is None:
        return
    decision = f"to_{route}" if route in {"execution", "planning"} else route
    fields = {
        "Recon-Packet-ID": f"recon-{probe}",
        "Probe-ID": probe,
        "Decision": decision,
        "Confidence": "high",
        "Risk-Level": "low",
        "Request-Summary": "As scripted.",
        "Interpreted-Goal": "As scripted.",
        "Handoff-Target": route,
    }
    lineage = {"Root-Intake-Kind": "probe", "Root-Intake-ID": probe}
    references = [f"millrace-agents/probes/active/{probe}.md"]
    if route == "execution":
        task = {"id": f"{probe}-task", **step.get("task", {})}
        fields["Emitted-Task-ID"] = str(task["id"])
        write(
            request.run_directory / "generated_task.md",
            task_document(task, "recon", lineage),
        )
    if route == "planning":
        spec = step.get("spec_id", f"{probe}-spec")
        fields["Emitted-Spec-ID"] = spec
        text = document(
            spec,
            {
                "Spec-ID": spec,
                "Title": spec,
                "Summary": "As scripted.",
                "Source-Type": "probe",
                "Source-ID": probe,
                "Root-Spec-ID": spec,
                **lineage,
                "Created-At": now(),
                "Created-By": "recon",
            },
            {
                "Goals": ["As scripted."],
                "Constraints": ["none"],
                "Acceptance": ["As scripted."],
                "References": references,
            },
        )
        write(request.run_directory / "generated_spec.md", text)
    lists = {
        "Relevant-Paths": ["README.md | scripted"],
        "Relevant-Symbols": ["none"],
        "Relevant-Tests": ["README.md | scripted"],
        "Semantic-Invariants": ["nothing else changes"],
        "Edge-Cases-To-Preserve": ["none"],
        "Required-Commands": ["true"],
        "Focused-Checks": ["none"],
        "Fallback-Checks": ["none"],
        "Open-Questions": ["none"],
    }
    packet = document(
        f"Recon {probe}", {**fields, "Created-At": now(), "Created-By": "recon"}, lists
    )
    write(request.run_directory / "recon_packet.md", packet)


def leave_planner(request: Request, marker: str, step: dict) -> None:
    blocked = marker != "PLANNER_COMPLETE"
    disposition = {
        "schema_version": "1.0",
        "kind": "planner_disposition",
        "source_work_item_family_id": request.item_kind,
        "source_work_item_id": request.item_id,
        "disposition": "blocked" if blocked else "active_source_ready_for_manager",
        "emitted_spec_ids": [],
        "refined_active_source": False,
        "recommended_next_action": "as scripted",
        "created_at": now(),
        "created_by": "planner",
        **step.get("disposition", {}),
    }
    write(request.run_directory / "planner_disposition.json", json.dumps(disposition))


def leave_manager(request: Request, marker: str, step: dict) -> None:
    if marker != "MANAGER_COMPLETE":
        return
    lineage = request.lineage()
    if request.item_kind == "spec":
        lineage["Spec-ID"] = request.item_id
    if request.item_kind == "incident":
        lineage["Incident-ID"] = request.item_id
    for task in step.get("tasks", [{"id": f"{request.item_id}-t1"}]):
        write(
            Path("millrace-agents/tasks/queue") / f"{task['id']}.md",
            task_document(task, "manager", lineage),
        )


def leave_arbiter(request: Request, marker: str, step: dict) -> None:
    del step
    root = request.text("Closure Target Root Spec ID")
    gaps = [] if marker == "ARBITER_COMPLETE" else [{"id": "c1", "gap": "as scripted"}]
    verdict = {
        "schema_version": "1.0",
        "kind": "arbiter_verdict",
        "root_spec_id": root,
        "run_id": request.text("Run ID"),
        "decided_at": now(),
        "status": marker.lower(),
        "terminal_result": marker,
        "summary": "As scripted.",
        "criteria": [{"criterion_id": "c1", "provenance": "fresh", "status": "as scripted"}],
        "parity_gaps": gaps,
        "remediation_guidance": gaps,
    }
    write(Path(request.text("Preferred Rubric Path")), f"# Rubric {root}\n\n- c1: as scripted\n")
    write(Path(request.text("Preferred Verdict Path")), json.dumps(verdict))
    write(Path(request.text("Preferred Report Path")), f"# Arbiter report\n\n{marker}\n")


def leave_troubleshooter(request: Request, marker: str, step: dict) -> None:
    del step
    path = request.text("Preferred Troubleshoot Report Path")
    if path == "none":
        path = str(request.run_directory / "troubleshoot_report.md")
    write(Path(path), f"# Troubleshooting\n\n{marker}, as scripted.\n")


LEAVE = {
    "recon": leave_recon,
    "planner": leave_planner,
    "manager": leave_manager,
    "arbiter": leave_arbiter,
    "troubleshooter": leave_troubleshooter,
}


class Scenario:
    """The scenario file and the log beside it."""

    def __init__(self, path: Path) -> None:
        self._document = json.loads(path.read_text(encoding="utf-8"))
        self._log = Path(self._document["log"])

    def step(self, request: Request) -> dict:
        steps = self._document["steps"]
        exact = f"{request.stage}:{request.subject}"
        if exact in steps:
            chosen = steps[exact]
            earlier = self._calls(request.stage, request.subject)
        else:
            chosen = steps.get(request.stage, [{}])
            earlier = self._calls(request.stage, None)
        return {**self._document["default"], **chosen[min(earlier, len(chosen) - 1)]}

    def _calls(self, stage: str, subject: str | None) -> int:
        if not self._log.exists():
            return 0
        calls = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        return sum(
            call["phase"] == "started"
            and call["stage"] == stage
            and subject in {None, call["item_id"]}
            for call in calls
        )

    def note(self, phase: str, request: Request, marker: str) -> None:
        entry = {
            "at": time.time(),
            "phase": phase,
            "stage": request.stage,
            "item_kind": request.item_kind,
            "item_id": request.subject,
            "run_directory": str(request.run_directory),
            "prompt_path": str(
                request.run_directory / f"runner_prompt.{request.text('Request ID')}.md"
            ),
            "marker": marker,
            "pid": os.getpid(),
        }
        descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, (json.dumps(entry) + "\n").encode())
        finally:
            os.close(descriptor)


def send(frame: dict) -> None:
    sys.stdout.buffer.write(json.dumps(frame).encode() + b"\n")
    sys.stdout.buffer.flush()


def work(step: dict) -> None:
    """Take the step's time; like pi, leave when the daemon closes standard input."""
    limit = float("inf") if step.get("hang") else time.monotonic() + step["seconds"]
    while (remaining := limit - time.monotonic()) > 0:
        if step.get("deaf"):
            time.sleep(min(remaining, 1.0))
            continue
        readable, _, _ = select.select([sys.stdin], [], [], min(remaining, 1.0))
        if readable:  # an abort, or the end of input: nothing else comes in mid-turn
            raise SystemExit(0)


def commit(message: str) -> None:
    """Commit all of the workspace, as an agent does."""
    identity = ("-c", "user.name=agent", "-c", "user.email=agent@localhost")
    for arguments in (("add", "."), (*identity, "commit", "--quiet", "--message", message)):
        subprocess.run(("git", *arguments), stdin=subprocess.DEVNULL, check=True)  # noqa: S607 - git on PATH


def perform(scenario: Scenario, request: Request) -> str:
    step = scenario.step(request)
    marker = step.get("marker") or SUCCESS[request.stage]
    scenario.note("started", request, marker)
    if step.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if step.get("detached_child"):
        subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S607 - the system's own sleep
    send({"type": "agent_start"})
    work(step)
    while step.get("until") and not os.path.exists(step["until"]):  # noqa: PTH110 - a text
        work({"seconds": 0.1})
    if step.get("exit_code") is not None:
        raise SystemExit(step["exit_code"])
    if request.stage in LEAVE and not step.get("no_artifacts"):
        LEAVE[request.stage](request, marker, step)
    for name, text in step.get("run_files", {}).items():
        write(request.run_directory / name, text)
    for name, text in step.get("workspace_files", {}).items():
        write(Path(name), text)
    if step.get("commit"):
        commit(step["commit"])
    scenario.note("ended", request, marker)
    return f"### {marker}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", required=True, type=Path)
    arguments, _ = parser.parse_known_args()  # the rest is what pi would be given
    scenario = Scenario(arguments.scenario)
    answer = ""
    # Unbuffered, so that `select` above sees what has not been read yet.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as frames:
        for line in iter(frames.readline, b""):
            frame = json.loads(line)
            response = {"id": frame["id"], "type": "response", "command": frame["type"]}
            match frame["type"]:
                case "prompt":
                    send({**response, "success": True})
                    answer = perform(scenario, Request(frame["message"]))
                    message = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
                    send({"type": "message_end", "message": {**message, "stopReason": "stop"}})
                    send({"type": "agent_end", "messages": []})
                case "get_last_assistant_text":
                    send({**response, "success": True, "data": {"text": answer}})
                case "get_session_stats":
                    tokens = {"input": 10, "output": 2, "cacheRead": 0, "total": 12}
                    send({**response, "success": True, "data": {"tokens": tokens}})
                case _:
                    send({**response, "success": True})


if __name__ == "__main__":
    main()
