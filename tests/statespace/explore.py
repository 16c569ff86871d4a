"""Every state a run can reach, and every way on from each.

A state is the program's (`program`) and the world's (`world`) at a moment when the outside may
continue in several ways. A way there is a list of choices, repeated from its beginning each time,
because a running program cannot be copied. Where a state is met that was met before, the way ends.
Between two runs only the world is left: from every such world the same command is given again, so
that deaths, repetitions and their order are not bounded.

States are distinguished by the hash of their value, 64 bits: of a million states two fall together
once in tens of millions of explorations.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.requests import RunRequest
from millracer.domain.run import lifecycle as table
from millracer.domain.run.lifecycle import INITIAL, Edge, Lifecycle, RunEvent, RunFacts, RunState
from millracer.domain.run.result import RunResult
from millracer.domain.submission import Submission
from millracer.run import finalize
from millracer.run import steps as run_steps
from millracer.run.context import RunContext
from tests.statespace.beside import InTurn
from tests.statespace.choices import Answer, Choice, Gone, Move
from tests.statespace.circles import circles
from tests.statespace.program import program_state, running_record
from tests.statespace.world import ModelTime, World

_WAITING = frozenset({"next_hints", "sleep"})

Step: TypeAlias = tuple[RunState, RunEvent, RunState]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `completes`: it reached what its caller wants."""

    result: RunResult | Submission
    outcome: str
    completes: bool


Command: TypeAlias = Callable[[RunRequest, World, Cancellation], Ended]


class Broken(AssertionError):
    """A promise that does not hold, and the way there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What must hold; each says what does not, or nothing.

    Attributes:
        always: in every state.
        at_end: of every result.
    """

    always: Callable[[RunContext, World], str | None]
    at_end: Callable[[Ended, World], str | None]


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A state of a running program; `ways` leads on by the choices of its menu, None if not gone.

    Attributes:
        place: the call to the outside here.
        menu: its possible answers.
        completes: one of the ways ends the run as completed.
    """

    place: str
    menu: tuple[Choice, ...]
    ways: list[Node | Rest | None]
    completes: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Rest:
    """A world without a run, from which the command is given (again)."""

    world: World
    way: tuple[str, ...]
    first: Node | None = None


@dataclass(slots=True, kw_only=True, repr=False)
class Space:
    """What was explored."""

    nodes: dict[int, Node] = field(default_factory=dict)
    rests: dict[int, Rest] = field(default_factory=dict)
    steps: set[Step] = field(default_factory=set)  #: rows of the lifecycle's table that were taken
    outcomes: set[str] = field(default_factory=set)
    runs: int = 0

    @property
    def transitions(self) -> int:
        """How many ways lead from one state to the next."""
        return sum(len(node.ways) for node in self.nodes.values())

    @property
    def not_gone(self) -> int:
        """How many ways are not explored."""
        return sum(way is None for node in self.nodes.values() for way in node.ways)

    def endless(self) -> list[Node]:
        """Return states on a circle that no run would leave.

        Where a run waits, its time limit passes; a circle of the outside alone does not count.
        """
        graph = {node: _on(node) for node in self.nodes.values()}
        return [
            node
            for circle in circles(graph)
            for node in circle
            for choice, way in zip(node.menu, node.ways, strict=True)
            if way in circle and not isinstance(choice, Move) and way in graph[node]
        ]

    def lost(self) -> list[Rest]:
        """Return the worlds in which no run, given again and again, can come to completion."""
        before: dict[Node | Rest, list[Node | Rest]] = {}
        for node in self.nodes.values():
            for way in node.ways:
                if way is not None:
                    before.setdefault(way, []).append(node)
        for rest in self.rests.values():
            if rest.first is not None:
                before.setdefault(rest.first, []).append(rest)
        ahead: list[Node | Rest] = [node for node in self.nodes.values() if node.completes]
        reached = set(ahead)
        while ahead:
            for earlier in before.get(ahead.pop(), ()):
                if earlier not in reached:
                    reached.add(earlier)
                    ahead.append(earlier)
        return [rest for rest in self.rests.values() if rest not in reached]


def _on(node: Node) -> list[Node]:
    """Return where a state leads within its run if every wait lasts until its time limit."""
    waits = node.place in _WAITING
    return [
        way
        for choice, way in zip(node.menu, node.ways, strict=True)
        if isinstance(way, Node)
        and (choice is Answer.OVER or isinstance(choice, Move) or not waits)
    ]


class Explorer:
    """Goes every way of one command.

    Args:
        command: the command, the same each time.
        request: its request.
        worlds: the worlds it is given in at first.
        rules: what must hold everywhere.
        limit: a space with more states than this counts as infinite.
    """

    def __init__(
        self,
        command: Command,
        request: RunRequest,
        worlds: Sequence[World],
        rules: Rules,
        *,
        limit: int,
    ) -> None:
        self._command = command
        self._request = request
        self._rules = rules
        self._limit = limit
        self._time = ModelTime()
        self._space = Space()
        self._ahead: deque[_Way] = deque()
        for world in worlds:
            self._rest(world, ())

    def explore(self) -> Space:
        """Go every way.

        Raises:
            Broken: a rule does not hold, a run ends without a result, or there is no end of states.
        """
        steps = self._space.steps

        class WatchedLifecycle(Lifecycle):
            def fire(self, step: table.Step, facts: RunFacts) -> RunFacts:
                source = self.state
                after = super().fire(step, facts)
                steps.add((source, step.event, self.state))
                return after

        built: list[Lifecycle] = []

        def fresh(edges: Sequence[Edge] | None = None) -> Lifecycle:
            if not built:
                built.append(WatchedLifecycle(edges=edges))
            built[0]._machine.set_state(INITIAL)  # to build one takes longer than a short run
            return built[0]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("millracer.cancellation.time", self._time)
            patch.setattr(run_steps, "Lifecycle", fresh)
            while self._ahead:
                self._go(self._ahead.popleft())
        return self._space

    def _go(self, way: _Way) -> None:
        self._space.runs += 1
        self._time.now = 0.0
        world = copy.deepcopy(way.rest.world)
        world.time = self._time
        walk = _Walk(self, way, world)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(finalize, "ThreadPoolExecutor", lambda *_: InTurn(world))
                ended = self._command(self._request, world, world.begin(walk.choose))
        except Gone:
            if walk.broken is not None:
                raise walk.broken from None
            if not walk.met_known:
                walk.lead_to(self._rest(world, walk.way_to("killed")))
            return
        except Exception as error:
            raise Broken(walk.story(f"{type(error).__name__}: {error}")) from error
        wrong = self._rules.at_end(ended, world)
        if wrong is not None:
            raise Broken(walk.story(wrong))
        self._space.outcomes.add(ended.outcome)
        walk.lead_to(self._rest(world, walk.way_to(f"ended {ended.outcome}")))
        if ended.completes:
            walk.completes()

    def _rest(self, world: World, way: tuple[str, ...]) -> Rest:
        world.rest()
        key = hash(world.key())
        rest = self._space.rests.get(key)
        if rest is None:
            rest = self._space.rests[key] = Rest(world, way)
            self._ahead.append(_Way(rest, (), None))
        return rest

    def arrive(self, walk: _Walk, place: str, menu: Sequence[Choice]) -> Node:
        """Come to a state.

        Raises:
            Gone: the way ends here; the walk knows why. What else the program raises while it
                unwinds may replace this exception, so its class decides nothing.
        """
        nodes, record = self._space.nodes, running_record()
        key = hash((place, tuple(menu), walk.world.key(), program_state(self._time.now)))
        known = nodes.get(key)
        if known is not None:
            walk.lead_to(known)
            walk.met_known = True
            walk.world.forsake()
            raise Gone
        wrong = self._rules.always(record, walk.world)
        if wrong is None and len(nodes) >= self._limit:
            wrong = f"there are more than {self._limit} states"
        if wrong is not None:
            walk.broken = Broken(walk.story(wrong))
            walk.world.forsake()
            raise Gone
        node = nodes[key] = Node(place, tuple(menu), [None] * len(menu))
        walk.lead_to(node)
        for number in range(1, len(menu)):
            self._ahead.append(_Way(walk.rest, (*walk.choices, number), node))
        return node


@dataclass(frozen=True, slots=True)
class _Way:
    """Choices from a world at rest, and the state in which the last of them is taken."""

    rest: Rest
    choices: tuple[int, ...]
    last: Node | None


class _Walk:
    """One run along a way, and beyond it to the first state that was met before, or the end.

    Attributes:
        met_known: the way ended in a state that was met before.
        broken: the promise that was seen broken.
    """

    def __init__(self, explorer: Explorer, way: _Way, world: World) -> None:
        self.world = world
        self.rest = way.rest
        self.choices: list[int] = []
        self.met_known = False
        self.broken: Broken | None = None
        self._explorer = explorer
        self._given = deque(way.choices)
        self._steps: list[str] = []
        self._at = way.last

    def choose(self, place: str, menu: Sequence[Choice]) -> Choice:
        """Take the next choice of the way, or the first of a state's menu."""
        if self._given:
            number = self._given.popleft()
        else:
            self._at = self._explorer.arrive(self, place, menu)
            number = 0
        self.choices.append(number)
        self._steps.append(f"{place}: {menu[number]}")
        return menu[number]

    def lead_to(self, node: Node | Rest) -> None:
        """Note where the last choice led."""
        if self._at is not None:
            self._at.ways[self.choices[-1]] = node
        elif isinstance(node, Node):
            self.rest.first = node

    def completes(self) -> None:
        """Note that the last choice let the run end as completed."""
        if self._at is not None:
            self._at.completes = True

    def way_to(self, end: str) -> tuple[str, ...]:
        """Say the way from the first world to here."""
        return (*self.rest.way, *self._steps, end)

    def story(self, wrong: str) -> str:
        """Report what is wrong, and the way to it."""
        return "\n  ".join([wrong, *self.way_to("here")])
