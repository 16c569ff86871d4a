"""One drawn scenario through the real `millracer run`, and what is wrong with its answer."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from tests.support.cli import Millracer, Ran, Running, daemon_pid
from tests.support.leftovers import end_leftovers
from tests.support.workspace import Workspace, make_workspace
from tests.truth.draw import FOREIGN, Action, ActionKind, Draw
from tests.truth.oracle import Found, Truth, find_truth

_VARIABLE = "MILLRACER_TEST_TRUTH"
#: As often at least a stage must have ended the same before `stuck` may be said.
_REPEATS = 5
_EXIT_CODES = {
    "completed": {0},
    "incomplete": {3},
    "blocked": {4},
    "restart_needed": {5},
    "crashed": {6},
    "timed_out": {7},
    "cancelled": {130, 143},
}
_FOREIGN_TASK = f"""\
# Foreign

Task-ID: {FOREIGN}
Title: Foreign
Summary: Foreign
Created-At: 2026-01-01T00:00:00Z
Created-By: tests

Target-Paths:
- .

Acceptance:
- x

Required-Checks:
- x

References:
- x

Risk:
- x
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How one scenario went; `wrong` is empty when the result is true."""

    draw: Draw
    outcome: str
    found: Found
    wrong: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        said = f"{self.outcome}; true: {self.found.truth} ({self.found.why})"
        return "\n  ".join((f"{self.draw}", said, *self.wrong))


def play(draw: Draw, folder: Path, millrace: str) -> Played:
    """Run a scenario in a new workspace below `folder` and hold the result against the truth.

    Leaves the workspace, the stage runner's log and the result there.
    """
    began = time.monotonic()
    workspace = make_workspace(folder / f"seed-{draw.seed}", millrace, draw.scenario)
    token = uuid.uuid4().hex
    millracer = Millracer(workspace, millrace, environment={_VARIABLE: token})
    if draw.foreign_first:
        _add_foreign(millracer)
    try:
        ran = _run(millracer, draw)
    except AssertionError as exc:
        left = end_leftovers(_VARIABLE, token)
        found = Found(truth=Truth.INCOMPLETE, why="there is no result")
        wrong = (f"no result: {exc}", *left)
        return Played(
            draw=draw,
            outcome="none",
            found=found,
            wrong=wrong,
            seconds=time.monotonic() - began,
        )
    left = end_leftovers(_VARIABLE, token)
    answer = folder / f"seed-{draw.seed}-result.json"
    answer.write_text(json.dumps(ran.result, indent=2), encoding="utf-8")
    found = find_truth(workspace.root, ran.result["work_item_id"], ran.result["intake_kind"])
    return Played(
        draw=draw,
        outcome=ran.result["outcome"],
        found=found,
        wrong=(*compare(ran, found), *left),
        seconds=time.monotonic() - began,
    )


def compare(ran: Ran, found: Found) -> tuple[str, ...]:
    """Say what of a result is not true."""
    result, outcome, wrong = ran.result, ran.result["outcome"], []
    event = (result["event"] or {}).get("kind")
    if outcome == "failed":
        wrong.append(f"the run failed: {result['errors']}\n{ran.stderr}")
    elif ran.exit_code not in _EXIT_CODES[outcome]:
        wrong.append(f"exit code {ran.exit_code} does not tell {outcome}")
    if outcome == "completed" and found.truth is not Truth.COMPLETED:
        wrong.append(f"false completion: {result['completion_evidence']}")
    if outcome != "completed" and found.truth is Truth.COMPLETED:
        wrong.append(f"missed completion ({event}): {result['missing_evidence']}")
    if result["scoped_completion"] is not (outcome == "completed"):
        wrong.append(f"scoped_completion is {result['scoped_completion']} for {outcome}")
    stuck = event == "stuck" and found.repeats >= _REPEATS
    if outcome == "blocked" and found.truth is not Truth.BLOCKED and not stuck:
        wrong.append(f"false block ({event}): {result['event']}")
    if outcome not in {"blocked", "completed"} and found.truth is Truth.BLOCKED:
        wrong.append(f"missed block ({event}): {result['event']} {result['missing_evidence']}")
    if outcome == "incomplete" and found.moving:
        wrong.append(f"given up ({event}) while something goes on: {', '.join(found.moving)}")
    if bool(result["missing_evidence"]) is (outcome == "completed"):
        wrong.append(f"missing_evidence of {outcome}: {result['missing_evidence']}")
    return tuple(wrong)


def _run(millracer: Millracer, draw: Draw) -> Ran:
    running = millracer.start(
        *("--route", "millrace", "--intake", draw.kind, "--finalizer", "summary"),
        *(*draw.options, f"Do number {draw.seed}"),
    )
    over = Event()
    operator = Thread(target=_interfere, args=(millracer, running, draw.actions, over))
    operator.start()
    try:
        return running.finish()
    finally:
        over.set()
        operator.join()


def _interfere(
    millracer: Millracer, running: Running, actions: tuple[Action, ...], over: Event
) -> None:
    for action in actions:
        while len(millracer.workspace.stages()) < action.stages or not _started(
            millracer.workspace
        ):
            if over.wait(0.01):
                return
        if over.wait(action.seconds):
            return
        _perform(action.kind, millracer, running)


def _started(workspace: Workspace) -> bool:
    """Whether a daemon has taken the workspace since the request began."""
    return daemon_pid(workspace) is not None


def _perform(kind: ActionKind, millracer: Millracer, running: Running) -> None:
    match kind:
        case ActionKind.KILL:
            pid = daemon_pid(millracer.workspace)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        case ActionKind.ADD:
            _add_foreign(millracer)
        case ActionKind.PAUSE:
            millracer.millrace_says("control", "pause")
        case ActionKind.RESUME:
            millracer.millrace_says("control", "resume")
        case ActionKind.CANCEL:
            _cancel_queued(millracer)
        case ActionKind.INTERRUPT:
            running.send(signal.SIGINT)
        case ActionKind.TERMINATE:
            running.send(signal.SIGTERM)


def _cancel_queued(millracer: Millracer) -> None:
    for path in millracer.workspace.agents.glob("*/queue/*.md"):
        if path.stem != FOREIGN:
            millracer.millrace_says("queue", "cancel", path.stem, "--reason", "no longer wanted")


def _add_foreign(millracer: Millracer) -> None:
    document = millracer.workspace.root.with_name(f"{millracer.workspace.root.name}-{FOREIGN}.md")
    document.write_text(_FOREIGN_TASK, encoding="utf-8")
    millracer.millrace_says("queue", "add-task", str(document))
