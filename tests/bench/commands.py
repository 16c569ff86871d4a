"""Short commands: help, a question to the store, Millrace's status alone and through Millracer."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.running import Failed, Ran, run
from tests.bench.scene import Contender, Scene, Tools, scene
from tests.support.scenario import Scenario

HELP = "`millracer --help`"
SESSIONS = "`ops --json` list_sessions"
STATUS = "`ops --json` status over a bare `millrace status`"
_STORE_ACTION = "list_sessions"
DEPTHS = (10, 100, 1000)
#: A short command is over before the machine's other work evens out.
_ROUNDS = 5


def command_figures() -> list[Figure]:
    """Return the rows that `measure_commands` fills."""
    return [
        Figure(name=HELP, unit="s", reach="not slower", ratio_limit=1.0),
        Figure(name=SESSIONS, unit="s", reach="not slower", ratio_limit=1.0),
        Figure(name=STATUS, unit="s", reach="≤ +0.1 s", limit=0.1),
    ]


def measure_commands(tools: Tools, contender: Contender, figures: dict[str, Figure]) -> None:
    """Run the short commands and add a sample to each row, the best of some rounds.

    Raises:
        Failed: one of them said no.
    """
    with scene(tools, Scenario()) as prepared:
        timings = [_run(contender, prepared, "--help") for _ in range(_ROUNDS)]
        figures[HELP].of(contender.name).values.append(_best(timings))
        sessions = request(_STORE_ACTION, {})
        asked = [_ops(contender, prepared, sessions) for _ in range(_ROUNDS)]
        figures[SESSIONS].of(contender.name).values.append(_best(asked))
        figures[STATUS].of(contender.name).values.append(status_over_bare(contender, prepared))


def depth_figures() -> list[Figure]:
    """Return the rows that `measure_depths` fills."""
    return [
        Figure(name=_depth(count, what), unit="s")
        for what in ("bare `millrace status`", "`ops --json` status")
        for count in DEPTHS
    ]


def measure_depths(tools: Tools, contender: Contender, figures: dict[str, Figure]) -> None:
    """Ask for the status of queues of several depths.

    Raises:
        Failed: Millrace or the contender said no.
    """
    with scene(tools, Scenario()) as prepared:
        for count in DEPTHS:
            fill_queue(prepared, count)
            bare = _bare_status(prepared)
            if json.loads(bare.output)["execution_queue_depth"] != count:
                raise Failed(f"Millrace does not see {count} items")
            millracer = _ops(contender, prepared, status_request(prepared.workspace.root))
            figures[_depth(count, "bare `millrace status`")].of(contender.name).values.append(
                bare.wall_seconds
            )
            figures[_depth(count, "`ops --json` status")].of(contender.name).values.append(
                millracer.wall_seconds
            )


def status_over_bare(contender: Contender, prepared: Scene) -> float:
    """Return the difference between Millracer's status and Millrace's own, best of some rounds."""
    asked = status_request(prepared.workspace.root)
    pairs = [(_bare_status(prepared), _ops(contender, prepared, asked)) for _ in range(_ROUNDS)]
    return _best([millracer for _, millracer in pairs]) - _best([bare for bare, _ in pairs])


def request(action: str, workspace: dict[str, str], request_id: str = "r") -> dict[str, object]:
    """Return an ops request that both contenders read."""
    return {
        "schema_version": "millracer.ops.v0.2",
        "request_id": request_id,
        "workspace_ref": workspace,
        "source": {"kind": "cli", "surface": "bench"},
        "action": action,
        "input": {"kind": "structured_action", "payload": {}},
    }


def status_request(root: Path, request_id: str = "r") -> dict[str, object]:
    """Return a request for a workspace's status."""
    return request("status", {"root_path": str(root)}, request_id)


def fill_queue(prepared: Scene, count: int) -> None:
    """Lay tasks into Millrace's queue as it stores them itself, until there are so many."""
    queue = prepared.workspace.agents / "tasks" / "queue"
    for number in range(sum(1 for _ in queue.glob("*.md")), count):
        item = f"bench-{number:05}"
        (queue / f"{item}.md").write_text(_TASK.format(item=item), encoding="utf-8")


def _depth(count: int, what: str) -> str:
    return f"{what}, {count} items queued"


def _best(ran: list[Ran]) -> float:
    return min(each.wall_seconds for each in ran)


def _bare_status(prepared: Scene) -> Ran:
    root = str(prepared.workspace.root)
    ran = run(
        (prepared.tools.millrace, "status", "--format", "json", "--workspace", root),
        cwd=prepared.home,
        env=prepared.tools.millracer.environment(prepared.home),
    )
    return _agreed(ran, "millrace status")


def _ops(contender: Contender, prepared: Scene, document: dict[str, object]) -> Ran:
    needs_millrace = document["action"] != _STORE_ACTION
    tools = ("--millrace-command", prepared.tools.millrace) if needs_millrace else ()
    ran = _run(contender, prepared, "ops", "--json", *tools, stdin=json.dumps(document).encode())
    said = json.loads(ran.output)
    if said["status"] != "succeeded":
        raise Failed(f"{contender.name}: {said['errors']}")
    return ran


def _run(contender: Contender, prepared: Scene, *arguments: str, stdin: bytes = b"") -> Ran:
    ran = run(
        (str(contender.command), *arguments),
        cwd=prepared.home,
        env=contender.environment(prepared.home),
        stdin=stdin,
    )
    return _agreed(ran, f"{contender.name} {arguments[0]}")


def _agreed(ran: Ran, what: str) -> Ran:
    if ran.exit_code:
        raise Failed(f"{what} ended with {ran.exit_code}: {ran.output[-300:]}")
    return ran


_TASK = """\
# {item}

Task-ID: {item}
Title: {item}
Summary: One of many.
Created-At: 2026-01-01T00:00:00Z
Created-By: bench

Target-Paths:
- .

Acceptance:
- nothing

Required-Checks:
- none

References:
- none

Risk:
- none
"""
