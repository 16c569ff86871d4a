"""Commands about the queue that are killed: the same one again does what it is for."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.aftermath import documents, files_left
from tests.crash.child import RUN_VARIABLE
from tests.crash.matrix import boundaries
from tests.crash.play import NeverReached
from tests.crash.scene import BRIEF, SUBMIT, Scene, Theatre
from tests.support.cli import daemon_pid
from tests.support.leftovers import end_leftovers

_KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One of these commands.

    Attributes:
        prepare: creates the state that the command needs.
        holds: whether Millrace's files say that it has done it.
    """

    name: str
    arguments: tuple[str, ...] = ()
    prepare: Callable[[Scene], None]
    holds: Callable[[Scene], bool]


def _nothing(_: Scene) -> None:
    return


def _pause(scene: Scene) -> None:
    root = str(scene.workspace.root)
    words = (scene.millrace, "control", "pause", "--workspace", root)
    subprocess.run(words, stdout=subprocess.DEVNULL, timeout=60, check=True)


def _submit(scene: Scene) -> None:
    words = ("--intake", "task", "--request-id", "crash-1", SUBMIT.task)
    assert scene.caller("before").command("submit", *words).finish().exit_code == 0


def _keep_a_daemon(scene: Scene) -> None:
    assert scene.start("before", "--keep-daemon").finish().exit_code == 0
    assert daemon_pid(scene.workspace) is not None


def _is_paused(scene: Scene) -> bool:
    snapshot = scene.workspace.agents / "state" / "runtime_snapshot.json"
    paused: bool = json.loads(snapshot.read_text(encoding="utf-8"))["paused"]
    return paused


def _is_cancelled(scene: Scene) -> bool:
    aside = list((scene.workspace.agents / "tasks" / "queue" / "cancelled").glob("*.md"))
    return not documents(scene.workspace) and len(aside) == 1


CONTROLS = (
    Control(name="pause", prepare=_nothing, holds=_is_paused),
    Control(name="resume", prepare=_pause, holds=lambda scene: not _is_paused(scene)),
    Control(name="cancel", arguments=("crash-1",), prepare=_submit, holds=_is_cancelled),
    Control(
        name="stop",
        prepare=_keep_a_daemon,
        holds=lambda scene: daemon_pid(scene.workspace) is None,
    ),
)


def record(theatre: Theatre, control: Control) -> list[str]:
    """Give a command once and return the points it passes, each once, in order."""
    scene = theatre.scene(BRIEF)
    try:
        control.prepare(scene)
        ran = scene.caller("first").command(control.name, *control.arguments).finish()
        assert ran.exit_code == 0, (ran.result, ran.stderr)
        assert control.holds(scene)
        return list(dict.fromkeys(scene.points("first")))
    finally:
        end_leftovers(RUN_VARIABLE, scene.token)


def deaths_of(points: list[str]) -> list[str]:
    """Return a point of each boundary."""
    return [group[0] for group in boundaries(points)]


def play(theatre: Theatre, control: Control, point: str) -> tuple[str, ...]:
    """Kill a command at a point, give it again, and report what is wrong.

    Raises:
        NeverReached: it went another way.
    """
    scene = theatre.scene(BRIEF)
    wrong = []
    try:
        control.prepare(scene)
        caller = scene.caller("first", armed=point)
        first = caller.command(control.name, *control.arguments)
        _, said = first.end()
        if point not in scene.points("first"):
            raise NeverReached(f"{control.name} at {point}\n{said}")
        if first.process.returncode != _KILLED:
            wrong.append(f"it was not killed: {said}")
        again = scene.caller("second").command(control.name, *control.arguments).finish()
        if again.exit_code or not control.holds(scene):
            wrong.append(f"again it said {again.result} ({again.exit_code}): {again.stderr}")
    finally:
        left = end_leftovers(RUN_VARIABLE, scene.token)
    return tuple(
        f"{control.name} at {point}: {each}"
        for each in (*wrong, *left, *files_left(scene.workspace))
    )
