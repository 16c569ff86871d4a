"""One delegated task: its cost beside its stages, and how soon a change is reported."""

from __future__ import annotations

import json
import time

from tests.bench.figures import Figure
from tests.bench.processes import cpu_seconds, tree
from tests.bench.running import Failed, Ran, Running, run
from tests.bench.scene import Contender, Scene, Tools, scene
from tests.support.cli import daemon_pid
from tests.support.scenario import Scenario, StageCall, Step

_STAGES = 3
_STAGE_SECONDS = 0.2
#: Ends a reference that waits for ever; a run that goes well is far from it.
DAEMON_TIMEOUT_SECONDS = 50.0
_RUN_LIMIT_SECONDS = 100.0

_QUIET_STAGE_SECONDS = 72.0
_QUIET_SECONDS = 60.0
_SETTLING_SECONDS = 5.0
_BEGIN_LIMIT_SECONDS = 60.0

WALL = "delegated task, three stages of 0.2 s: wall time"
CPU = "the same task: total CPU time"
PROMPT = "last stage's end → the final answer's prompt"
EVENT = "a change on disk → the progress line"
QUIET = "CPU of watching a quiet minute, daemon and stage not counted"


def delegated_figures() -> list[Figure]:
    """Return the rows that `measure_delegated` fills."""
    return [
        Figure(name=WALL, unit="s", reach="≤ 0.35", ratio_limit=0.35),
        Figure(name=CPU, unit="s", reach="≤ 0.35", ratio_limit=0.35),
        Figure(name=PROMPT, unit="s", reach="≤ 1 s", limit=1.0),
        Figure(name=EVENT, unit="s", reach="≤ 0.5 s", limit=0.5),
    ]


def measure_delegated(tools: Tools, contender: Contender, figures: dict[str, Figure]) -> None:
    """Run one task and add a sample to each row.

    Raises:
        Failed: the run gave nothing to measure.
    """
    with scene(tools, Scenario(default=Step(seconds=_STAGE_SECONDS))) as prepared:
        ran = run(
            prepared.run_command(
                contender, "--daemon-timeout-seconds", str(DAEMON_TIMEOUT_SECONDS)
            ),
            cwd=prepared.home,
            env=prepared.environment(contender),
            limit_seconds=_RUN_LIMIT_SECONDS,
        )
        ended = [call for call in prepared.workspace.calls() if call.phase == "ended"]
        if len(ended) != _STAGES:
            raise Failed(f"{len(ended)} stages ended; {_last_words(ran)}")
        if contender.is_millracer and json.loads(ran.output)["outcome"] != "completed":
            raise Failed(f"our run did not complete; {_last_words(ran)}")
        figures[WALL].of(contender.name).values.append(ran.wall_seconds)
        figures[CPU].of(contender.name).values.append(ran.cpu_seconds)
        prompts = [at for at, _ in prepared.asked if at > ended[-1].at]
        if prompts:
            figures[PROMPT].of(contender.name).values.append(prompts[-1] - ended[-1].at)
        else:
            figures[PROMPT].of(contender.name).failures.append("pi was not asked")
        if contender.is_millracer:
            figures[EVENT].millracer.values.extend(_reported_after(ended, ran))
        else:
            figures[EVENT].reference.absent = "it reports no stages; it polls every 2 s"


def quiet_figures() -> list[Figure]:
    """Return the rows that `measure_quiet` fills."""
    return [Figure(name=QUIET, unit="s", reach="≤ 0.5 s", limit=0.5)]


def measure_quiet(tools: Tools, contender: Contender, figures: dict[str, Figure]) -> None:
    """Watch one long stage and measure a minute of it: Millracer, its pi and all its children.

    Raises:
        Failed: the stage did not begin, or the command or the stage ended meanwhile.
    """
    scenario = Scenario(default=Step(seconds=_QUIET_STAGE_SECONDS))
    with scene(tools, scenario) as prepared:
        running = Running(
            prepared.run_command(contender),
            cwd=prepared.home,
            env=prepared.environment(contender),
            limit_seconds=_BEGIN_LIMIT_SECONDS + _QUIET_STAGE_SECONDS,
        )
        try:
            daemon = _daemon_at_work(running, prepared)
            time.sleep(_SETTLING_SECONDS)
            before = cpu_seconds(tree(running.pid, without=daemon))
            time.sleep(_QUIET_SECONDS)
            after = cpu_seconds(tree(running.pid, without=daemon))
            if running.is_over or len(prepared.workspace.calls()) != 1:
                raise Failed("the minute was not a quiet one")
        finally:
            running.close()
        figures[QUIET].of(contender.name).values.append(after - before)


def _daemon_at_work(running: Running, prepared: Scene) -> int:
    """Wait until the first stage runs and return the pid of its daemon."""
    limit = time.monotonic() + _BEGIN_LIMIT_SECONDS
    while time.monotonic() < limit and not running.is_over:
        daemon = daemon_pid(prepared.workspace)
        if daemon is not None and prepared.workspace.calls():
            return daemon
        time.sleep(0.1)
    raise Failed("no stage began")


def _reported_after(ended: list[StageCall], ran: Ran) -> list[float]:
    """Return the delay between each stage's end and the line that reports it."""
    return [
        min(at - call.at for at, line in ran.errors if f" {call.stage} ended " in line)
        for call in ended
        if any(f" {call.stage} ended " in line for _, line in ran.errors)
    ]


def _last_words(ran: Ran) -> str:
    said = [line for _, line in ran.errors][-3:]
    return f"exit code {ran.exit_code}: {' / '.join(said)}"
