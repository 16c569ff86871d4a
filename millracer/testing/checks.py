"""A check runner with scripted results."""

from __future__ import annotations

from collections.abc import Mapping

from millracer.cancellation import Wait
from millracer.domain.checks import Argv, CheckRun
from millracer.ports import CheckRunner


class ScriptedCheckRunner(CheckRunner):
    """Returns the scripted result of each check; a check without one passes.

    Attributes:
        results: the result by argv.
        calls: argv and folder of each call, oldest first.
    """

    def __init__(self, results: Mapping[Argv, CheckRun] | None = None) -> None:
        self.results = dict(results or {})
        self.calls: list[tuple[Argv, str]] = []

    def run(self, argv: Argv, folder: str, wait: Wait) -> CheckRun:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        self.calls.append((argv, folder))
        return self.results.get(argv, CheckRun(exit_code=0))
