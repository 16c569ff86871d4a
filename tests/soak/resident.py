"""Part two: one `ops --jsonl` that is asked everything there is to ask, with tasks between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from millracer.demo.scripted_model import MODEL_ID, PROVIDER
from tests.bench.running import Failed
from tests.bench.scene import Scene
from tests.soak.flatness import Gauge, Rule
from tests.soak.readings import Readings, of_descendants, of_disk, of_process
from tests.soak.runs import DISK
from tests.support.ops_cli import OpsCaller
from tests.support.ops_lines import Conversation, conversation

WHAT = """\
## One `millracer ops --jsonl`, {requests} requests

{rounds} rounds of every action, with valid and invalid requests, sent at once; a task before every
fifth round, {tasks} in all. Readings are taken when every request of a round has its result."""
REQUESTS_A_ROUND = 21
ROUNDS_A_TASK = 5
_OTHERS = 3

GAUGES = (
    Gauge(key="memory", name="`millracer`: memory", unit="MiB", rule=Rule.LEVEL, slack=3),
    Gauge(key="open_files", name="`millracer`: open files", unit="", rule=Rule.LEVEL, slack=1),
    Gauge(key="threads", name="`millracer`: threads", unit="", rule=Rule.LEVEL, slack=2),
    Gauge(key="processes", name="processes below it", unit="", rule=Rule.LEVEL, slack=1),
    Gauge(key="memory_below", name="their memory", unit="MiB", rule=Rule.LEVEL, slack=5),
    Gauge(key="zombies", name="zombie processes", unit="", rule=Rule.NONE),
    Gauge(key="unexpected", name="unexpected results", unit="", rule=Rule.NONE),
    Gauge(key="said_beside", name="standard error, a round", unit="KiB", rule=Rule.STEADY, slack=1),
    Gauge(key="seconds", name="a round without a task", unit="s", rule=Rule.LEVEL, is_judged=False),
    Gauge(key="task_seconds", name="the latest task", unit="s", rule=Rule.LEVEL, is_judged=False),
    *DISK,
)
_Request = tuple[str, dict[str, Any], str]


@dataclass(slots=True)
class _Drain:
    """Reads and counts standard error, so that no writer waits for a full pipe."""

    size: int = 0
    _thread: threading.Thread | None = field(default=None)

    def begin(self, stream: IO[bytes]) -> None:
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        while chunk := stream.read1(65536):
            self.size += len(chunk)


def soak_resident(scene: Scene, tasks: int) -> Iterator[Readings]:
    """Ask round after round, with so many tasks in all, and yield what it holds after each.

    Raises:
        Failed: it ended or did not answer.
    """
    drain = _Drain()
    with conversation(_caller(scene)) as talk:
        assert talk.process.stderr is not None
        drain.begin(talk.process.stderr)
        task_seconds = 0.0
        for at in range(tasks * ROUNDS_A_TASK):
            began = time.monotonic()
            unexpected = 0
            if at % ROUNDS_A_TASK == 0:
                unexpected += _ask(talk, [_task(scene, at)])
                task_seconds = time.monotonic() - began
                began = time.monotonic()
            unexpected += _ask(talk, _round(scene, at))
            yield {
                "seconds": time.monotonic() - began,
                "task_seconds": task_seconds,
                "unexpected": unexpected,
                "said_beside": drain.size / 1024,
                **of_process(talk.process.pid),
                **of_descendants(talk.process.pid),
                **of_disk(scene),
            }
        if talk.end() != 0:
            raise Failed("the resident process did not end as it should")


def _caller(scene: Scene) -> OpsCaller:
    return OpsCaller(
        cwd=scene.home,
        state=scene.home / ".local" / "share" / "millracer",
        options=(
            *("--millrace-command", scene.tools.millrace, "--pi-command", scene.tools.pi),
            *("--provider", PROVIDER, "--model", MODEL_ID, "--no-default-skills"),
        ),
        environment=scene.environment(scene.tools.millracer),
    )


def _ask(talk: Conversation, requests: list[_Request]) -> int:
    """Send all at once and return how many were not answered as they should be."""
    sent = {}
    for at, (action, fields, status) in enumerate(requests):
        request_id = f"r{at}"
        talk.say(action, request_id, **fields)
        sent[request_id] = status
    answers = {request_id: talk.result_of(request_id)["status"] for request_id in sent}
    return sum(answers[request_id] != status for request_id, status in sent.items())


def _task(scene: Scene, at: int) -> _Request:
    fields = {
        "workspace_ref": {"root_path": str(scene.workspace.root)},
        "input": {"text": "Mend the widget"},
        "idempotency_key": f"soak-{at}",
        "route_preference": "millrace",
        "intake_preference": "task",
    }
    return ("enqueue", fields, "succeeded")


def _round(scene: Scene, at: int) -> list[_Request]:
    """Every action, some of it wrong; names come again, as a caller's sessions do."""
    here = {"workspace_ref": {"root_path": str(scene.workspace.root)}}
    session = {"metadata": {"session_id": f"caller-{at % _OTHERS}"}}
    # A file beside Millrace's makes it ask Millrace again instead of giving the same status.
    (scene.workspace.agents / "soak").write_text(str(at), encoding="utf-8")
    place = {"workspace_id": f"w{at % _OTHERS}", "root_path": str(scene.workspace.root)}
    return [
        *(("status", {**here, **session}, "succeeded") for _ in range(10)),
        ("status", {"workspace_ref": {"root_path": str(scene.home)}}, "failed"),
        ("register_workspace", {"input": {"payload": place}}, "succeeded"),
        ("list_workspaces", session, "succeeded"),
        (
            "select_workspace",
            {"input": {"payload": {"root_path": place["root_path"]}}, **session},
            "succeeded",
        ),
        ("list_sessions", {}, "succeeded"),
        ("inspect_session", {"metadata": {"session_id": "passer-by"}}, "succeeded"),
        ("forget_session", {"input": {"payload": {"session_id": "passer-by"}}}, "succeeded"),
        ("forget_workspace", {"input": {"payload": {"workspace_id": "nowhere"}}}, "failed"),
        ("do_something_else", {}, "failed"),
        ("status", {"workspace_ref": {"workspace_id": f"unknown-{at}"}}, "failed"),
        ("enqueue", {**here, "input": {}}, "failed"),
    ]
