"""The scripted model's answers in the demonstration: to Millracer's turns and Millrace's stages.

The model finds its role in the prompt and answers with tool calls that pi executes, so the files of
the demonstration's project are really edited and its tests are really run. A stage without a
script, or with unexpected input, answers that it is blocked; it never claims success.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from millracer.demo.project import CHANGELOG_NAME, COVER, FIX, Change
from millracer.demo.scripted_model import ModelRequest, Reply
from millracer.demo.stage_documents import (
    arbiter_report,
    arbiter_rubric,
    arbiter_verdict,
    generated_task,
    lineage_of,
    planner_disposition,
    recon_packet,
    task_id_of,
)
from millracer.demo.stage_request import StageRequest
from millracer.domain.requests import IntakeKind
from millracer.run.prompts import DECISION_MARK, DIRECT_MARK, NOTICE_MARK, REPORT_MARK

_WHY: Mapping[IntakeKind, tuple[str, str]] = MappingProxyType(
    {
        IntakeKind.TASK: ("The change is local and fully described.", "one named file"),
        IntakeKind.PROBE: ("The cause of the fault must be found first.", "unknown cause"),
        IntakeKind.IDEA: ("The outcome is clear, the work must be split.", "several changes"),
    }
)
_REPORT = (
    "Millrace built, checked and recorded the work: `discounted` now takes a share of the price, "
    "the project's tests pass, and the changelog names each change."
)
_BLOCKED = Reply.text("### BLOCKED")


def respond(request: ModelRequest, intake: IntakeKind = IntakeKind.TASK) -> Reply:
    """Answer one request of the demonstration; `intake` is the kind the decision names."""
    prompt = request.last_user_text.lstrip()
    if prompt.startswith(DECISION_MARK):
        return Reply.text(json.dumps(_decision(intake), indent=1))
    if prompt.startswith(NOTICE_MARK):
        return Reply.text("Noted; the run continues.")
    if prompt.startswith(REPORT_MARK):
        return Reply.text(_REPORT)
    stage = None if prompt.startswith(DIRECT_MARK) else StageRequest.read(prompt)
    if stage is None:
        return Reply.text("This model is scripted and knows the demonstration only.")
    script = _SCRIPTS.get(stage.stage)
    return _BLOCKED if script is None else script(stage, request.tool_results)


def _decision(intake: IntakeKind) -> Mapping[str, object]:
    why, signal = _WHY[intake]
    return {
        "decision": "millrace",
        "intake_kind": intake,
        "why": f"{why} It deserves an independent check.",
        "mode": None,
        "custom_loop_needed": False,
        "signals": [signal],
        "notes": "",
    }


# Each script below gets the stage's request and the results of its tool calls so far, oldest first,
# and returns the next reply; the number of results is its progress.


def _build(stage: StageRequest, seen: tuple[str, ...]) -> Reply:
    if not seen:
        return _read(stage.item_path, "First I read the task.")
    change = _change_of(seen[0])
    match len(seen):
        case 1:
            return _read(change.path, "Then I read the file.")
        case 2:
            return _write(change.path, change.content)
        case 3:
            summary = f"# Builder\n\nChanged {change.path}; nothing else.\n"
            return _write(stage.run_file("builder_summary.md"), summary)
        case _:
            return Reply.text("### BUILDER_COMPLETE")


def _check(_: StageRequest, seen: tuple[str, ...]) -> Reply:
    if not seen:
        return _run_tests()
    return Reply.text("### CHECKER_PASS" if _passed(seen[-1]) else "### FIX_NEEDED")


def _update(stage: StageRequest, seen: tuple[str, ...]) -> Reply:
    match len(seen):
        case 0:
            return _read(stage.item_path, "First I read the task.")
        case 1:
            line = shlex.quote(f"\n{_change_of(seen[0]).changelog_line}")
            return _bash(f"printf '%s\\n' {line} >> {CHANGELOG_NAME}")
        case _:
            return Reply.text("### UPDATE_COMPLETE")


def _reconnoitre(stage: StageRequest, seen: tuple[str, ...]) -> Reply:
    match len(seen):
        case 0:
            return _read(stage.item_path, "First I read the question.")
        case 1:
            return _run_tests()
        case _ if _passed(seen[1]):
            return _BLOCKED  # the reported fault cannot be reproduced
        case 2:
            lineage = {"Root-Intake-Kind": stage.item_kind, "Root-Intake-ID": stage.item_id}
            task = generated_task(stage, FIX, _now(), lineage=lineage)
            return _write(stage.run_file("generated_task.md"), task)
        case 3:
            return _write(stage.run_file("recon_packet.md"), recon_packet(stage, FIX, _now()))
        case _:
            return Reply.text("### RECON_TO_EXECUTION")


def _plan(stage: StageRequest, seen: tuple[str, ...]) -> Reply:
    match len(seen):
        case 0:
            return _read(stage.item_path, "First I read the spec.")
        case 1:
            disposition = planner_disposition(stage, _now())
            return _write(stage.run_file("planner_disposition.json"), disposition)
        case _:
            return Reply.text("### PLANNER_COMPLETE")


def _split(stage: StageRequest, seen: tuple[str, ...]) -> Reply:
    if not seen:
        return _read(stage.item_path, "First I read the spec.")
    lineage = lineage_of(seen[0]) | {"Spec-ID": stage.item_id}
    match len(seen):
        case 1:
            change, text = FIX, generated_task(stage, FIX, _now(), lineage=lineage)
        case 2:
            change, text = COVER, generated_task(stage, COVER, _now(), lineage=lineage, after=FIX)
        case _:
            return Reply.text("### MANAGER_COMPLETE")
    return _write(str(stage.task_queue / f"{task_id_of(stage, change)}.md"), text)


def _arbitrate(stage: StageRequest, seen: tuple[str, ...]) -> Reply:
    if not seen:
        return _run_tests()
    if not _passed(seen[0]):
        return _BLOCKED
    match len(seen):
        case 1:
            return _write(stage.rubric_path, arbiter_rubric(stage))
        case 2:
            verdict = arbiter_verdict(stage, _now(), "ARBITER_COMPLETE")
            return _write(stage.verdict_path, verdict)
        case 3:
            return _write(stage.report_path, arbiter_report(stage, seen[0]))
        case _:
            return Reply.text("### ARBITER_COMPLETE")


_SCRIPTS: Mapping[str, Callable[[StageRequest, tuple[str, ...]], Reply]] = MappingProxyType(
    {
        "builder": _build,
        "checker": _check,
        "updater": _update,
        "recon": _reconnoitre,
        "planner": _plan,
        "manager": _split,
        "arbiter": _arbitrate,
    }
)


def _change_of(item_text: str) -> Change:
    """Return the change that a task's document requests; a caller's own task requests `FIX`."""
    return COVER if f"# {COVER.title}" in item_text.splitlines() else FIX


def _read(path: str, text: str) -> Reply:
    return Reply.tool_call("read", {"path": path}, text=text)


def _write(path: str, content: str) -> Reply:
    return Reply.tool_call("write", {"path": path, "content": content})


def _bash(command: str, text: str = "") -> Reply:
    return Reply.tool_call("bash", {"command": command}, text=text)


def _run_tests() -> Reply:
    return _bash(f"{shlex.quote(sys.executable)} -m unittest 2>&1", "I run the project's tests.")


def _passed(test_output: str) -> bool:
    return re.search(r"^OK$", test_output, re.MULTILINE) is not None


def _now() -> datetime:
    return datetime.now(UTC)
