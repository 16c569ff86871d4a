"""The whole matrix: `python -m tests.crash`, as `make crash-matrix` does; some 40 minutes.

Prints each death, writes the page, and exits 1 if anything was lost, done twice, untrue, left
behind or never reached. `--only WORDS` plays the deaths whose name holds the words.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.crash.matrix import SITUATIONS, deaths_of, deaths_of_others, unreached
from tests.crash.play import Aftermath, NeverReached, play, record
from tests.crash.scene import NAMED, open_theatre
from tests.crash.table import render
from tests.support.environment import scrub

_PAGE = Path(__file__).parents[2] / "docs" / "crash-matrix.md"


def main() -> int:
    """Play, print and write; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", metavar="WORDS")
    parser.add_argument("--page", type=Path, help="where to write; with --only nowhere else")
    arguments = parser.parse_args()
    only, page = arguments.only, arguments.page
    millrace, pi = os.environ["MILLRACER_TEST_MILLRACE"], os.environ["MILLRACER_TEST_PI"]
    with tempfile.TemporaryDirectory(prefix="millracer-crash-") as folder:
        scrub(folder)
        with open_theatre(Path(folder), millrace=millrace, pi=pi) as (played, model):
            recorded = {each: record(played, each) for each in SITUATIONS}
            missing = [f"never reached: {point}" for point in sorted(unreached(recorded))]
            deaths = [death for each in SITUATIONS for death in deaths_of(each, recorded[each])]
            deaths += deaths_of_others(recorded[NAMED])
            rows: list[Aftermath] = []
            for death in deaths:
                if only not in str(death):
                    continue
                try:
                    rows.append(_tell(play(played, model, death)))
                except NeverReached as exc:
                    missing.append(f"never reached: {exc}")
                except (subprocess.TimeoutExpired, AssertionError) as exc:
                    missing.append(f"did not end with an answer: {death}: {exc}")
    for each in missing:
        sys.stdout.write(f"{each}\n")
    if page or not only:
        text = render(rows, recorded, millrace=_version(millrace), pi=_version(pi))
        (page or _PAGE).write_text(text, encoding="utf-8")
    wrong = sum(bool(row.wrong) for row in rows)
    sys.stdout.write(f"{len(rows)} deaths, {wrong} wrong, {len(missing)} points unanswered\n")
    return 1 if wrong or missing else 0


def _tell(row: Aftermath) -> Aftermath:
    sys.stdout.write(f"{'WRONG' if row.wrong else 'ok'} {row.seconds:.0f} s, {row}\n")
    sys.stdout.flush()
    return row


def _version(command: str) -> str:
    said = subprocess.run(
        (command, "--version"), capture_output=True, text=True, timeout=60, check=True
    )
    return (said.stdout + said.stderr).split()[-1]


if __name__ == "__main__":
    sys.exit(main())
