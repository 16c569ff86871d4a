"""What a run does in a thread beside itself, in turn: before its next call, or after its last.

Only the end of a run does so: it leaves the daemon while pi writes. The two have nothing in common
that both change, so every other order of their calls leads where one of these two leads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import ParamSpec, TypeVar

from millracer.cancellation import Cancellation, Wait
from tests.statespace.choices import Answer
from tests.statespace.world import World

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


class Turn(Future[_Result]):
    """What is done once, at the latest when its result is wanted.

    A death passes through: no caller is left to receive it.
    """

    def __init__(self, do: Callable[[], _Result]) -> None:
        super().__init__()
        self._do = do
        self.started = False

    def take(self) -> None:
        """Do it, unless it has started."""
        if self.started:
            return
        self.started = True
        try:
            result = self._do()
        except Exception as error:  # noqa: BLE001 - the caller receives every error
            self.set_exception(error)
        else:
            self.set_result(result)

    def result(self, timeout: float | None = None) -> _Result:
        self.take()
        return super().result(timeout)


class InTurn(Executor):
    """Asks the world in which of the two orders things happen."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turns: list[Turn[object]] = []

    def submit(
        self,
        fn: Callable[_Arguments, _Result],
        /,
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> Future[_Result]:
        turn = Turn(partial(fn, *args, **kwargs))
        self._turns.append(turn)
        if self._world.ask("beside", Wait(Cancellation())) is Answer.FIRST:
            turn.take()
        return turn

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        for turn in self._turns:
            turn.take()
