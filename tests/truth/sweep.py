"""Many drawn scenarios: `python -m tests.truth.sweep N [SEED]`, as `make truth N=200 SEED=1` does.

Prints each scenario whose result is not true, and how all went; exits 1 if there was
one. A scenario is played again with its seed alone: `make truth N=1 SEED=...`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.environment import scrub
from tests.truth.draw import KINDS, draw
from tests.truth.play import Played, play


def main() -> int:
    """Play and print; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=int)
    parser.add_argument("seed", type=int, nargs="?")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--keep", type=Path, help="keep the workspaces in this folder")
    arguments = parser.parse_args()
    seed = arguments.seed
    if seed is None:
        seed = random.SystemRandom().randrange(1_000_000)
    draws = filter(
        lambda drawn: arguments.kind in {None, drawn.kind}, map(draw, itertools.count(seed))
    )
    with tempfile.TemporaryDirectory(prefix="millracer-truth-") as folder:
        scrub(folder)
        millrace = os.environ["MILLRACER_TEST_MILLRACE"]
        place = arguments.keep or Path(folder)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            waiting = [
                pool.submit(play, next(draws), place, millrace) for _ in range(arguments.runs)
            ]
            played = [_report(future.result()) for future in waiting]
    sys.stdout.write(f"{summary(played)}; first seed {seed}\n")
    return 1 if any(each.wrong for each in played) else 0


def summary(played: Iterable[Played]) -> str:
    """Return the counts of many scenarios."""
    played = list(played)
    problems = Counter(
        re.split(r":| \(", wrong, maxsplit=1)[0] for each in played for wrong in each.wrong
    )
    ended = Counter(f"{each.draw.kind} {each.outcome}" for each in played)
    agreed = sum(not each.wrong for each in played)
    return (
        f"{len(played)} runs, {agreed} agreed, "
        f"{problems.pop('false completion', 0)} false completions, "
        f"{problems.pop('missed completion', 0) + problems.pop('missed block', 0)} missed, "
        f"others wrong: {dict(problems) or 'none'}; "
        + ", ".join(f"{name} {count}" for name, count in sorted(ended.items()))
    )


def _report(played: Played) -> Played:
    mark = "WRONG" if played.wrong else "ok"
    line = f"{mark} {played.outcome}, true {played.found.truth}, {played.seconds:.0f} s"
    summary = str(played) if played.wrong else f"seed {played.draw.seed}: {played.draw.kind}"
    sys.stdout.write(f"{line}, {summary}\n")
    sys.stdout.flush()
    return played


if __name__ == "__main__":
    sys.exit(main())
