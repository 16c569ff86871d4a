"""The soak: `python -m tests.soak`, as `make soak` does; half an hour for 200 tasks.

Writes docs/evidence/soak.md and exits 1 if a figure is not flat. Each reading is appended to the
file that `--samples` names, one JSON object per line, so an interrupted run keeps its readings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.scene import Contender, Tools, scene
from tests.soak import resident, runs
from tests.soak.page import Part, render
from tests.soak.readings import Readings
from tests.support.environment import scrub
from tests.support.scenario import Scenario

_PAGE = Path(__file__).parents[2] / "docs" / "evidence" / "soak.md"
#: One task of so many goes through the resident process.
_RESIDENT_SHARE = 5


def main() -> int:
    """Soak, print and write; returns the exit code."""
    arguments = _arguments()
    millracer = Contender(
        name="ours", command=Path(sys.executable).with_name("millracer"), is_millracer=True
    )
    millrace, pi = os.environ["MILLRACER_TEST_MILLRACE"], os.environ["MILLRACER_TEST_PI"]
    tools = Tools(millrace=millrace, pi=pi, millracer=millracer, reference=millracer)
    resident_tasks = arguments.tasks // _RESIDENT_SHARE
    own_tasks = arguments.tasks - resident_tasks
    with ExitStack() as stack:
        scrub(stack.enter_context(tempfile.TemporaryDirectory(prefix="millracer-soak-")))
        prepared = stack.enter_context(scene(tools, Scenario()))
        parts = (
            _take("runs", arguments.samples, runs.soak_runs(prepared, own_tasks)),
            _take("resident", arguments.samples, resident.soak_resident(prepared, resident_tasks)),
        )
    judged = (
        Part(what=runs.WHAT.format(tasks=own_tasks), gauges=runs.GAUGES, readings=parts[0]),
        Part(
            what=resident.WHAT.format(
                tasks=resident_tasks,
                rounds=len(parts[1]),
                requests=len(parts[1]) * resident.REQUESTS_A_ROUND + resident_tasks,
            ),
            gauges=resident.GAUGES,
            readings=parts[1],
        ),
    )
    text = render(judged, millrace=tools.millrace_version(), pi=tools.pi_version())
    (arguments.page or _PAGE).write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(part.is_flat for part in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--tasks", type=_at_least_ten, default=200, help="how many (default 200)")
    parser.add_argument("--page", type=Path, help="where to write, if not docs/evidence/soak.md")
    parser.add_argument("--samples", type=Path, default=Path(os.devnull))
    return parser.parse_args()


def _at_least_ten(text: str) -> int:
    if (number := int(text)) < 10:
        raise argparse.ArgumentTypeError("at least 10, so that there are two ends to compare")
    return number


def _take(part: str, file: Path, readings: Iterator[Readings]) -> list[Readings]:
    taken = []
    began = time.monotonic()
    with file.open("a", encoding="utf-8") as samples:
        for reading in readings:
            taken.append(reading)
            samples.write(json.dumps({"part": part, **reading}) + "\n")
            samples.flush()
            sys.stderr.write(f"{time.monotonic() - began:7.0f} s  {part} {len(taken)}\n")
    return taken


if __name__ == "__main__":
    sys.exit(main())
