"""A random request, what its stages do, and what befalls it; the same for the same seed."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from enum import StrEnum

from tests.support.scenario import Scenario, Step

KINDS = ("task", "probe", "idea")
FOREIGN = "foreign"

_SECONDS = (0.02, 0.02, 0.05, 0.2, 0.6)
_CRASH = Step(exit_code=3)
_BLOCKED = Step(marker="BLOCKED")
_GARBLED = Step(marker="NO_SUCH_MARKER")
_FIX = Step(marker="FIX_NEEDED")
_REMEDY = Step(marker="REMEDIATION_NEEDED")
#: How often a stage does anything but succeed, and what it then does.
_MISHAPS: dict[str, tuple[float, tuple[Step, ...]]] = {
    "builder": (0.15, (_BLOCKED, _CRASH, _GARBLED)),
    "checker": (0.2, (_FIX, _FIX, _BLOCKED, _CRASH)),
    "fixer": (0.15, (_BLOCKED, _CRASH)),
    "doublechecker": (0.3, (_FIX, _BLOCKED)),
    "updater": (0.1, (_BLOCKED, _CRASH)),
    "troubleshooter": (0.4, (_BLOCKED, _BLOCKED, _CRASH)),
    "consultant": (0.7, (_BLOCKED, Step(marker="NEEDS_PLANNING"))),
    "planner": (0.08, (_BLOCKED, _CRASH)),
    "arbiter": (0.3, (_REMEDY, _REMEDY, _REMEDY, _CRASH, _BLOCKED)),
    "mechanic": (0.2, (_BLOCKED,)),
    "auditor": (0.1, (_BLOCKED,)),
}
_RECON = {
    "RECON_TO_EXECUTION": 35,
    "RECON_TO_PLANNING": 30,
    "RECON_NOOP": 20,
    "RECON_BLOCKED": 15,
}
#: After how many stages at most another caller interferes; without mishaps the request is over.
_LAST_STAGES = {"task": 3, "probe": 4, "idea": 6}
_TO_THE_END = ("builder", "troubleshooter", "consultant")


class ActionKind(StrEnum):
    """What another caller does while the request runs."""

    KILL = "kill the daemon"
    ADD = "add a foreign task"
    PAUSE = "pause Millrace"
    RESUME = "resume Millrace"
    CANCEL = "cancel a queued item of ours in Millrace"
    INTERRUPT = "interrupt millracer"
    TERMINATE = "terminate millracer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing done after so many stages began and so many seconds more."""

    kind: ActionKind
    stages: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.seconds:.2f} s after {self.stages} stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One scenario.

    Attributes:
        options: of `millracer run`, beside the route and the intake.
        foreign_first: a foreign task is in the queue before the request comes.
        actions: in the order in which they are done.
    """

    seed: int
    kind: str
    steps: dict[str, tuple[Step, ...]]
    options: tuple[str, ...]
    foreign_first: bool
    actions: tuple[Action, ...]

    @property
    def scenario(self) -> Scenario:
        """What the stages do."""
        return Scenario(self.steps)

    def __str__(self) -> str:
        steps = "; ".join(
            f"{stage}: {', '.join(_name(step) for step in steps)}"
            for stage, steps in self.steps.items()
            if any(_name(step) != "ok" for step in steps)
        )
        actions = ", ".join(map(str, self.actions)) or "nobody interferes"
        first = "a foreign task first; " if self.foreign_first else ""
        return f"seed {self.seed}: {self.kind} {' '.join(self.options)}; {first}{actions}; {steps}"


def draw(seed: int) -> Draw:
    """Return the scenario of a seed."""
    dice = random.Random(seed)  # noqa: S311 - reproducible scenarios, no secrets
    kind = dice.choice(KINDS)
    steps = {
        stage: tuple(_step(dice, chance, mishaps) for _ in range(4))
        for stage, (chance, mishaps) in _MISHAPS.items()
    }
    steps["recon"] = _recon(dice)
    steps["manager"] = _manager(dice, steps)
    if dice.random() < 0.1:
        steps |= dict.fromkeys(_TO_THE_END, (_BLOCKED,))
    foreign_first, foreign_beside = dice.random() < 0.15, dice.random() < 0.1
    if dice.random() < 0.5:
        steps |= {f"{stage}:{FOREIGN}": (_BLOCKED,) for stage in _TO_THE_END}
    else:
        steps |= {f"{stage}:{FOREIGN}": (Step(),) for stage in _TO_THE_END}
    restarts = dice.choice((0, 1, 2, 2))
    seconds = dice.uniform(4, 12) if dice.random() < 0.1 else 100
    actions = _actions(dice, kind, restarts)
    if foreign_beside and not foreign_first:
        actions = (Action(kind=ActionKind.ADD, stages=1), *actions)
    if _pauses_for_good(actions):
        seconds = min(seconds, 15.0)
    return Draw(
        seed=seed,
        kind=kind,
        steps=steps,
        options=(
            *("--daemon-timeout-seconds", f"{seconds:.1f}"),
            *("--max-daemon-restarts", str(restarts)),
        ),
        foreign_first=foreign_first,
        actions=actions,
    )


def _step(dice: random.Random, chance: float, mishaps: tuple[Step, ...]) -> Step:
    step = dice.choice(mishaps) if dice.random() < chance else Step()
    return dataclasses.replace(step, seconds=dice.choice(_SECONDS))


def _recon(dice: random.Random) -> tuple[Step, ...]:
    if dice.random() < 0.04:
        return (Step(no_artifacts=True),)
    (marker,) = dice.choices(tuple(_RECON), tuple(_RECON.values()))
    decided = Step(marker=marker, seconds=dice.choice(_SECONDS))
    return (_CRASH, decided) if dice.random() < 0.1 else (decided,)


def _manager(dice: random.Random, steps: dict[str, tuple[Step, ...]]) -> tuple[Step, ...]:
    """Return the manager's calls: its tasks at the first, one more each time it is asked again."""
    tasks: list[dict[str, object]] = [{"id": f"part-{n}"} for n in range(1, dice.randint(1, 3) + 1)]
    if len(tasks) > 1 and dice.random() < 0.25:
        tasks[-1]["depends_on"] = [tasks[0]["id"]]
    if dice.random() < 0.25:
        blocked = dice.choice(tasks)["id"]
        steps |= {f"{stage}:{blocked}": (_BLOCKED,) for stage in _TO_THE_END}
    first = _BLOCKED if dice.random() < 0.08 else Step()
    again = (Step(tasks=({"id": f"again-{n}"},)) for n in range(1, 9))
    return (dataclasses.replace(first, tasks=tuple(tasks)), *again)


def _actions(dice: random.Random, kind: str, restarts: int) -> tuple[Action, ...]:
    last = _LAST_STAGES[kind]

    def at(action: ActionKind) -> Action:
        return Action(kind=action, stages=dice.randint(0, last), seconds=dice.uniform(0, 1))

    pause, early = at(ActionKind.PAUSE), dice.randint(0, 4)
    choices: dict[tuple[Action, ...], int] = {
        (): 40,
        (at(ActionKind.KILL),): 30,
        tuple(
            Action(kind=ActionKind.KILL, stages=n, seconds=dice.uniform(0, 1))
            for n in range(1, restarts + 2)
        ): 8,
        (pause, Action(kind=ActionKind.RESUME, stages=pause.stages, seconds=2)): 6,
        (at(ActionKind.PAUSE),): 4,
        (
            Action(kind=ActionKind.PAUSE, stages=early),
            Action(kind=ActionKind.CANCEL, stages=early, seconds=1),
            Action(kind=ActionKind.RESUME, stages=early),
        ): 6,
        (at(ActionKind.INTERRUPT),): 3,
        (at(ActionKind.TERMINATE),): 3,
    }
    (chosen,) = dice.choices(tuple(choices), tuple(choices.values()))
    return chosen


def _pauses_for_good(actions: tuple[Action, ...]) -> bool:
    kinds = {action.kind for action in actions}
    return ActionKind.PAUSE in kinds and ActionKind.RESUME not in kinds


def _name(step: Step) -> str:
    if step.no_artifacts:
        return "no artifacts"
    if step.exit_code is not None:
        return "crash"
    tasks = step.tasks or ()
    several = f" {len(tasks)} tasks" if len(tasks) > 1 else ""
    waits = " in order" if any("depends_on" in task for task in tasks) else ""
    return f"{step.marker or 'ok'}{several}{waits}"
