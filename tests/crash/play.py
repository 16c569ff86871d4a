"""One death on the real tools, the same command again, and what is wrong afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import psutil

from millracer.millrace.files.items.unfinished import list_unfinished
from millracer.millrace.files.workspace import WorkspacePaths
from tests.crash.aftermath import documents, files_left, twice, unlike_story, untrue
from tests.crash.child import RUN_VARIABLE
from tests.crash.commands import Command, read
from tests.crash.points import LOG
from tests.crash.scene import Model, Scene, Situation, Theatre, foreign_daemon
from tests.support.cli import Ran, Running, daemon_pid, wait_until
from tests.support.leftovers import carriers, end_leftovers

_KILLED = -signal.SIGKILL
_TRIES = 3
_STANDSTILL_SECONDS = 4.0
_POLL_SECONDS = 0.05

#: Moments that the killed command does not name itself, beside those of a stage and of pi.
HALF_PRINTED = "half of the result is out"
DAEMON_HAS_LOCK = "the daemon has its lock"


class Victim(StrEnum):
    """Who dies."""

    MILLRACER = "millracer"
    #: Its last child continues when the next command waits for it, or has ended.
    HOLDER = "millracer, last child delayed"
    WARM = "fork server"
    BOOTING = "booting daemon"
    EVERYTHING = "everything"
    DAEMON = "daemon"
    RUNNER = "stage runner"
    PI = "pi"


#: Who takes the command along that was about to add the item.
_WITH_WHAT_IT_RUNS = {Victim.WARM, Victim.EVERYTHING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Who dies where.

    Attributes:
        point: a point of the trace; `stage NAME` is the moment in which a stage has started,
            `pi TURN` the one in which pi waits for the model's answer.
        same: the points behind it that are reached before anything else is done.
        reuses_pid: afterwards an unrelated living process has the daemon's pid.
    """

    situation: Situation
    victim: Victim
    point: str
    same: tuple[str, ...] = ()
    reuses_pid: bool = False

    def __str__(self) -> str:
        reused = ", its pid reused" if self.reuses_pid else ""
        return f"{self.situation.name}: {self.victim} at {self.point}{reused}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """How it went; `wrong` is empty when nothing was lost, done twice, or left behind.

    Attributes:
        said: what the interrupted run said itself.
        again: what the same command said afterwards.
        items: how many work items Millrace holds.
        adds: how often Millrace was asked to add one.
        stages: what the stages began, in order.
    """

    death: Death
    said: str
    again: str
    items: int
    adds: int
    stages: tuple[str, ...]
    seconds: float
    left: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n  ".join((f"{self.death}: said {self.said}, again {self.again}", *self.wrong))


class NeverReached(Exception):
    """The run ended without passing the point."""


def record(theatre: Theatre, situation: Situation) -> list[str]:
    """Run a situation to its end and return the points it passes, each once, in order."""
    scene = theatre.scene(situation)
    try:
        with foreign_daemon(scene):
            running = scene.start("first")
            _lose_daemon(scene)
            ran = running.finish()
        assert ran.exit_code == 0, ran.stderr
        return list(dict.fromkeys(scene.points("first")))
    finally:
        end_leftovers(RUN_VARIABLE, scene.token)


def play(theatre: Theatre, model: Model, death: Death) -> Aftermath:
    """Let it die, run the same command again, and check what is left.

    A run that goes another way, and a machine that is suspended meanwhile, is tried again.

    Raises:
        NeverReached: in every try the run went another way.
        TimeoutExpired, AssertionError: it did not end, or its answer was none.
    """
    for _ in range(_TRIES - 1):
        try:
            return _play(theatre, model, death)
        except (NeverReached, subprocess.TimeoutExpired):
            continue
    return _play(theatre, model, death)


def _play(theatre: Theatre, model: Model, death: Death) -> Aftermath:
    began = time.monotonic()
    scene = theatre.scene(death.situation)
    squatters: list[subprocess.Popen[bytes]] = []
    try:
        with foreign_daemon(scene):
            said, wrong = _die(scene, model, death)
            first = _Held.by(scene)
            if death.reuses_pid:
                squatters.append(_squat(scene))
            left, listed = _left_to_operator(scene)
            wrong += listed
            running = scene.start("second", resumes=left)
            if death.victim is Victim.HOLDER:
                _release(scene, running)
            again = running.finish()
            wrong += _judge(scene, death, first, again)
            if f": {LOG}" in death.point and death.situation.named:
                wrong += _judge_log(scene, again)
        wrong += [f"a stranger was ended: {each.pid}" for each in squatters if each.poll()]
    finally:
        for each in squatters:
            each.kill()
            each.wait()
        left = end_leftovers(RUN_VARIABLE, scene.token)
    left = (*left, *files_left(scene.workspace))
    items, adds = len(documents(scene.workspace)), _adds(scene)
    if adds > items - death.situation.derived and death.victim not in _WITH_WHAT_IT_RUNS:
        wrong.append(f"{items} items were added {adds} times")
    return Aftermath(
        death=death,
        said=said,
        again=_said(again),
        items=items,
        adds=adds,
        stages=tuple(scene.workspace.stages()),
        left=left,
        wrong=(*wrong, *left),
        seconds=time.monotonic() - began,
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """What Millrace had been given when the first run was over, and what of it was listed.

    A daemon may still move it, or an add that outlived its run put it there: hence two readings.
    """

    places: dict[str, list[str]]
    listed: set[str]

    @classmethod
    def by(cls, scene: Scene) -> _Held:
        before = _listed(scene)
        places = documents(scene.workspace)
        return cls(places, before | _listed(scene))


def _die(scene: Scene, model: Model, death: Death) -> tuple[str, list[str]]:
    """Start the run, see it hurt, and return what it said and what of that is wrong."""
    outside = death.point.startswith(("stage ", "pi ")) or death.point in _MOMENTS
    if death.point.startswith("pi "):
        model.kill_pi_at(death.point.removeprefix("pi "), scene.token)
    running = scene.start(
        "first", armed=None if outside else death.point, victim=_inside(death.victim)
    )
    try:
        _lose_daemon(scene)
        if death.point.startswith("stage "):
            name = death.point.removeprefix("stage ")
            wait_until(lambda: name in scene.workspace.stages(), f"{name} begins")
            _kill(scene, running, death.victim)
        elif death.point in _MOMENTS:
            wait_until(lambda: _MOMENTS[death.point](scene, running), death.point)
            _kill(scene, running, death.victim)
    finally:
        stdout, stderr = running.end()
    code = running.process.returncode
    if not outside and death.point not in scene.points("first"):
        raise NeverReached(f"{death}\n{stderr}")
    kills_millracer = death.victim in {Victim.MILLRACER, Victim.HOLDER, Victim.EVERYTHING}
    wrong = (
        []
        if (code == _KILLED) is kills_millracer
        else [f"the first run ended with {code}: {stderr}"]
    )
    if not stdout:
        return "nothing", wrong if kills_millracer else [
            *wrong,
            f"the first run said nothing: {stderr}",
        ]
    result = read(stdout)
    if result is None:
        return f"{len(stdout)} characters, not all", wrong
    said = Ran(code, result, stderr)
    if not kills_millracer:
        wrong += _untrue(scene, said)
    return _said(said), wrong


def _judge(scene: Scene, death: Death, first: _Held, again: Ran) -> list[str]:
    """Say what is wrong with the second run and with what Millrace holds then."""
    wrong = _untrue(scene, again)
    if again.result["outcome"] != "completed":
        wrong.append(f"the second run said {_said(again)}: {again.stderr}")
    if not death.situation.delegates:
        return wrong
    own = again.result["work_item_id"]
    items = sorted({*documents(scene.workspace), *([own] if own else [])})
    others = [item for item in items if item != own]
    if not items:
        wrong.append("Millrace holds nothing")
    if len(items) > 1 + death.situation.derived + (not death.situation.named):
        wrong.append(f"Millrace holds more than was asked for: {items}")
    if not death.situation.named:
        wrong += _unsafe(scene, first, others)
    return wrong + list(twice(items, scene.workspace))


def _judge_log(scene: Scene, again: Ran) -> list[str]:
    """Report what is wrong with the item's event log, and whether a watch prints it alike."""
    own = again.result["work_item_id"]
    watched = scene.start("third", resumes=own).finish()
    return list(unlike_story(scene.workspace, own, again, watched))


def _unsafe(scene: Scene, first: _Held, items: list[str]) -> list[str]:
    """Report what is wrong with an item that the same command cannot request again.

    It is in Millrace once its add has ended, it is listed while it is not done, and `--resume`
    brings it to its end.
    """
    wrong = [
        f"{item} was in {places} and not listed"
        for item, places in first.places.items()
        if places != ["done"] and item not in first.listed
    ]
    if not items and any("queue add-task unheard" in point for point in scene.points("first")):
        wrong.append("the interrupted item is not in Millrace")
    for item in items:
        if documents(scene.workspace)[item] == ["done"]:
            continue
        if item not in _listed(scene):
            wrong.append(f"{item} is not listed")
        resumed = scene.start("third", resumes=item).finish()
        if resumed.result["outcome"] != "completed":
            wrong.append(f"{item} was not resumed: {_said(resumed)} {resumed.stderr}")
    return wrong


def _left_to_operator(scene: Scene) -> tuple[str | None, list[str]]:
    """Return the item that an operator's next session continues, and what its list lacks."""
    left = _undone(scene)
    if scene.situation.command is not Command.OPERATOR or not left:
        return None, []
    listed = "".join(scene.start("list", resumes="").end())
    missing = [item for item in _undone(scene) if item in left and item not in listed]
    return left[0], [f"{item} is not in /watch's list" for item in missing]


def _undone(scene: Scene) -> list[str]:
    """Return the items that no daemon has brought to their end."""
    return [item for item, found in documents(scene.workspace).items() if found != ["done"]]


def _adds(scene: Scene) -> int:
    """Return how often both runs began to add something."""
    points = (*scene.points("first"), *scene.points("second"))
    return sum("queue add-" in point and " begun" in point for point in points)


def _listed(scene: Scene) -> set[str]:
    return {left.item_id for left in list_unfinished(WorkspacePaths(scene.workspace.root))}


def _untrue(scene: Scene, ran: Ran) -> list[str]:
    if not scene.situation.delegates or ran.result["work_item_id"] is None:
        return []
    return list(untrue(ran, scene.workspace))


def _said(ran: Ran) -> str:
    outcome = ran.result.get("outcome") or ran.result["state"]
    return f"{outcome} ({ran.exit_code})"


def _inside(victim: Victim) -> str:
    """Return who can be ended by the traced command itself."""
    inside = {Victim.MILLRACER, Victim.HOLDER, Victim.WARM, Victim.BOOTING, Victim.EVERYTHING}
    return victim if victim in inside else Victim.MILLRACER


def _lose_daemon(scene: Scene) -> None:
    if scene.situation.loses_its_daemon:
        wait_until(lambda: bool(scene.workspace.stages()), "the builder begins")
        _kill_daemon(scene)


def _kill(scene: Scene, running: Running, victim: Victim) -> None:
    match victim:
        case Victim.MILLRACER:
            running.send(signal.SIGKILL)
        case Victim.DAEMON | Victim.BOOTING:
            _kill_daemon(scene)
        case Victim.RUNNER:
            os.kill(scene.workspace.calls()[-1].pid, signal.SIGKILL)
        case Victim.EVERYTHING:
            for process in carriers(RUN_VARIABLE, scene.token):
                process.kill()
        case Victim.WARM | Victim.PI | Victim.HOLDER:
            raise ValueError(victim)


def _release(scene: Scene, running: Running) -> None:
    """Let a stopped child continue once the next command comes no further, or has ended."""
    reached, since = 0, time.monotonic()
    while running.process.poll() is None and time.monotonic() - since < _STANDSTILL_SECONDS:
        now = len(scene.points("second"))
        if now != reached or not now:
            reached, since = now, time.monotonic()
        time.sleep(_POLL_SECONDS)
    for process in carriers(RUN_VARIABLE, scene.token):
        if process.status() == psutil.STATUS_STOPPED:
            process.resume()


def _kill_daemon(scene: Scene) -> None:
    pid = daemon_pid(scene.workspace)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _is_half_printed(scene: Scene, running: Running) -> bool:
    """Whether the command waits with its result half written, because no process reads it."""
    if "end: print before" not in scene.points("first"):
        return False
    assert running.process.stdout is not None
    pipe = running.process.stdout.fileno()
    waiting = int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
    return waiting == fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def _has_lock(scene: Scene, _: Running) -> bool:
    return daemon_pid(scene.workspace) is not None


_MOMENTS = {HALF_PRINTED: _is_half_printed, DAEMON_HAS_LOCK: _has_lock}


def _squat(scene: Scene) -> subprocess.Popen[bytes]:
    """Let an unrelated process have the pid of Millrace's lock and of the ownership record.

    A process table cannot be made to give a pid again, so the files are made to name another one.
    They are as old as before a reboot.
    """
    stranger = subprocess.Popen(
        (sys.executable, "-c", "import time; time.sleep(300)"), start_new_session=True
    )
    lock = scene.workspace.agents / "state" / "runtime_daemon.lock.json"
    record = scene.workspace.root / ".millracer" / "daemon.json"
    for path, pid in ((lock, "owner_pid"), (record, "pid")):
        body = json.loads(path.read_text(encoding="utf-8"))
        body[pid] = stranger.pid
        if "acquired_at" in body:
            taken = datetime.fromisoformat(body["acquired_at"]) - timedelta(minutes=5)
            body["acquired_at"] = taken.isoformat()
        if body.get("started"):
            body["started"] -= 300
        path.write_text(json.dumps(body), encoding="utf-8")
    return stranger
