"""The deaths of the matrix: every boundary of every situation, and the deaths of other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.crash.play import DAEMON_HAS_LOCK, HALF_PRINTED, Death, Victim
from tests.crash.points import AGAIN, CALL, LOG, registered
from tests.crash.scene import (
    BRIEF,
    DECIDED,
    DIRECT,
    FOREIGN,
    LARGE,
    NAMED,
    NEW,
    OPERATOR,
    OPS,
    PLAIN,
    PRINTED,
    PROBE,
    RESTARTED,
    SLOW,
    SUBMIT,
    UNNAMED,
    Situation,
)

#: The situations whose points are recorded.
SITUATIONS = (
    *(NAMED, PLAIN, UNNAMED, DECIDED, PRINTED, DIRECT, RESTARTED, NEW, FOREIGN),
    *(PROBE, OPS, OPERATOR, SUBMIT),
)

_STAGES = ("builder", "checker", "updater")
_TURNS = ("the decision", "the closing turn")
#: Behind such a point nothing is done before the next one is reached.
_IDLE = (": entered", " after", " unheard")
#: What of a situation differs from the named run's, which dies everywhere: words of its points.
_OWN = {
    PLAIN: ("queue add-", "run daemon ", "control stop "),
    UNNAMED: (": entered", "queue add-", "run daemon ", "control stop ", "print "),
    DECIDED: ("decide: ",),
    PRINTED: ("Agent.",),
    RESTARTED: ("restart_needed: ", "monitor 2: "),
    NEW: ("millrace init ",),
    FOREIGN: ("queue add-", "Attendance."),
    PROBE: ("queue add-", "replace .millracer/intake/", "finalize: entered"),
    OPS: ("start: ", "queue add-", "run daemon begun", "end: "),
    OPERATOR: ("queue add-", "run daemon begun", "finalize: entered"),
}
#: Commands that take their time after the one that started them is gone.
_HELD = (
    (NEW, "intake: millrace init begun"),
    (BRIEF, "enqueue: millrace queue add-task begun"),
    (PLAIN, "enqueue: millrace queue add-task begun"),
    (UNNAMED, "enqueue: millrace queue add-task begun"),
    (BRIEF, "monitor: millrace run daemon begun"),
    (PLAIN, "monitor: millrace run daemon begun"),
    (BRIEF, "beside: millrace control stop begun"),
)
#: Where all is ended at once, beside the stages.
_POWER_CUTS = (
    *(": entered", "replace .millracer/", "queue add-task ", "run daemon begun"),
    *("control stop begun", "Agent.ask before"),
)
#: Where an owned daemon ends before it works.
_BOOTS = (
    (BRIEF, "monitor: millrace run daemon forked"),
    (BRIEF, "monitor: millrace run daemon begun"),
    (PLAIN, "monitor: millrace run daemon begun"),
    (PLAIN, "monitor: replace .millracer/daemon.json, again"),
)


def boundaries(points: Iterable[str]) -> list[tuple[str, ...]]:
    """Put points together between which nothing is done: dying at one is dying at each of them."""
    groups: list[list[str]] = []
    is_idle = False
    for point in points:
        if f": {CALL}" in point:
            continue
        beside = point.startswith("beside: ")
        if is_idle and not beside:
            groups[-1].append(point)
        else:
            groups.append([point])
        is_idle = not beside and point.removesuffix(AGAIN).endswith(_IDLE)
    return [tuple(group) for group in groups]


def unreached(
    recorded: Mapping[Situation, Sequence[str]], controls: Iterable[Sequence[str]]
) -> set[str]:
    """Return the points that the code has and neither a situation nor another command passes."""
    every = (*recorded.values(), *controls)
    passed = {point.removesuffix(AGAIN) for points in every for point in points}
    return registered() - passed - {point.partition(": ")[2] for point in passed}


def deaths_of(situation: Situation, points: Sequence[str]) -> list[Death]:
    """Return the deaths of the command itself in one situation, by its recorded points."""
    words = _OWN.get(situation, ("",))
    return [
        Death(situation=situation, victim=Victim.MILLRACER, point=group[0], same=group[1:])
        for group in boundaries(points)
        if any(word in point for point in group for word in words if _counts(point, word))
    ]


def _counts(point: str, word: str) -> bool:
    """Whether a point can make a death of its own: an event of a log only of the named run."""
    return not word or f": {LOG}" not in point


def deaths_of_others(points: Sequence[str]) -> list[Death]:
    """Return the deaths of the other programs, by the recorded points of the named run."""
    started = [
        point
        for point in points
        if ": millrace " in point and point.endswith((" forked", " begun", "run daemon before"))
    ]
    cuts = [group[0] for group in boundaries(points) if _is_power_cut(group)]
    stages = [f"stage {name}" for name in _STAGES]
    victims = (Victim.MILLRACER, Victim.DAEMON, Victim.RUNNER, Victim.EVERYTHING)
    return [
        *(Death(situation=NAMED, victim=Victim.WARM, point=point) for point in started),
        *(
            Death(situation=situation, victim=Victim.HOLDER, point=point)
            for situation, point in _HELD
        ),
        *(
            Death(situation=situation, victim=Victim.BOOTING, point=point)
            for situation, point in _BOOTS
        ),
        Death(situation=PLAIN, victim=Victim.BOOTING, point=DAEMON_HAS_LOCK),
        Death(situation=LARGE, victim=Victim.MILLRACER, point=HALF_PRINTED),
        *(
            Death(situation=PROBE, victim=victim, point="stage recon")
            for victim in (Victim.MILLRACER, Victim.EVERYTHING)
        ),
        *(Death(situation=SLOW, victim=victim, point=at) for victim in victims for at in stages),
        *(
            Death(situation=situation, victim=Victim.PI, point=f"pi {turn}")
            for situation in (DECIDED, PRINTED)
            for turn in _TURNS
        ),
        *(Death(situation=NAMED, victim=Victim.EVERYTHING, point=point) for point in cuts),
        *(
            Death(situation=SLOW, victim=Victim.EVERYTHING, point=at, reuses_pid=True)
            for at in stages
        ),
    ]


def _is_power_cut(group: tuple[str, ...]) -> bool:
    return any(words in point for point in group for words in _POWER_CUTS)
