"""What was recorded and played already, so that a matrix of an hour can be continued."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.crash.play import Aftermath, Death
from tests.crash.scene import Situation


class Kept:
    """A file of JSON lines; each of several commands at once may add its own.

    Args:
        path: the file, which need not be there; without one nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: dict[str, Any] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._lines |= json.loads(line)

    def points(self, situation: Situation, record: Callable[[], list[str]]) -> list[str]:
        """Return the points of a situation, recorded now if they were not before."""
        points: list[str] = self._lines.get(situation.name) or record()
        self._keep(situation.name, points)
        return points

    def row(self, death: Death) -> Aftermath | None:
        """Return how a death went, None if it was not played."""
        found = self._lines.get(str(death))
        if found is None:
            return None
        lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
        return Aftermath(**{**found, **lists, "death": death})

    def keep(self, row: Aftermath) -> None:
        """Add how a death went."""
        body = asdict(row)
        del body["death"]
        self._keep(str(row.death), body)

    def _keep(self, name: str, value: object) -> None:
        if self._path is None or name in self._lines:
            return
        self._lines[name] = value
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({name: value}) + "\n")
