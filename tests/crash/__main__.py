"""The whole matrix: `python -m tests.crash`, as `make crash-matrix` does; an hour or more.

Prints each death, writes the page, and exits 1 if anything was lost, done twice, untrue, left
behind or never reached. `--only WORDS` plays the deaths whose name holds the words. With `--kept
FILE` what was played is kept there, and what is there is not played again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.crash import controls
from tests.crash.kept import Kept
from tests.crash.matrix import SITUATIONS, deaths_of, deaths_of_others, unreached
from tests.crash.play import Aftermath, Death, NeverReached, play, record
from tests.crash.scene import NAMED, Model, Situation, Theatre, open_theatre
from tests.crash.table import render
from tests.support.environment import scrub

_PAGE = Path(__file__).parents[2] / "docs" / "evidence" / "crash-matrix.md"


def main() -> int:
    """Play, print and write; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", metavar="WORDS")
    parser.add_argument("--page", type=Path, help="where to write; with --only nowhere else")
    parser.add_argument("--kept", type=Path, help="what was played, to go on with")
    arguments = parser.parse_args()
    only, page = arguments.only, arguments.page
    millrace, pi = os.environ["MILLRACER_TEST_MILLRACE"], os.environ["MILLRACER_TEST_PI"]
    matrix = _Matrix(Kept(arguments.kept))
    with tempfile.TemporaryDirectory(prefix="millracer-crash-") as folder:
        scrub(folder)
        with open_theatre(Path(folder), millrace=millrace, pi=pi) as (played, model):
            matrix.record(played)
            matrix.play(played, model, only)
    for each in matrix.missing:
        sys.stdout.write(f"{each}\n")
    if page or not only:
        versions = {"millrace": _version(millrace), "pi": _version(pi)}
        text = render(matrix.rows, matrix.recorded, known=len(matrix.deaths), **versions)
        (page or _PAGE).write_text(text, encoding="utf-8")
    wrong = sum(bool(row.wrong) for row in matrix.rows)
    sys.stdout.write(
        f"{len(matrix.rows)} deaths, {wrong} wrong, {len(matrix.missing)} points unanswered\n"
    )
    return 1 if wrong or matrix.missing else 0


@dataclass(slots=True)
class _Matrix:
    """What was recorded and played, and what was not available."""

    kept: Kept
    recorded: dict[Situation, list[str]] = field(default_factory=dict)
    rows: list[Aftermath] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def record(self, theatre: Theatre) -> None:
        """Run every situation once to its end."""
        for each in SITUATIONS:
            self.recorded[each] = self.kept.points(each, partial(record, theatre, each))
        given = [controls.record(theatre, each) for each in controls.CONTROLS]
        never = sorted(unreached(self.recorded, given))
        self.missing += [f"never reached: {point}" for point in never]

    def play(self, theatre: Theatre, model: Model, only: str) -> None:
        """Play the requested deaths that were not played before."""
        for death in self.deaths:
            if only not in str(death):
                continue
            row = self.kept.row(death)
            if row is None:
                row = self._play(theatre, model, death)
            if row is not None:
                self.rows.append(row)

    @property
    def deaths(self) -> Sequence[Death]:
        """Every death, by the recorded points."""
        own = [death for each in SITUATIONS for death in deaths_of(each, self.recorded[each])]
        return own + deaths_of_others(self.recorded[NAMED])

    def _play(self, theatre: Theatre, model: Model, death: Death) -> Aftermath | None:
        try:
            row = play(theatre, model, death)
        except NeverReached as exc:
            self.missing.append(f"never reached: {exc}")
            return None
        except (subprocess.TimeoutExpired, AssertionError) as exc:
            self.missing.append(f"did not end with an answer: {death}: {exc}")
            return None
        sys.stdout.write(f"{'WRONG' if row.wrong else 'ok'} {row.seconds:.0f} s, {row}\n")
        sys.stdout.flush()
        self.kept.keep(row)
        return row


def _version(command: str) -> str:
    said = subprocess.run(
        (command, "--version"), capture_output=True, text=True, timeout=60, check=True
    )
    return (said.stdout + said.stderr).split()[-1]


if __name__ == "__main__":
    sys.exit(main())
