"""`make bench`: measures both programs on the real tools and reports the tables.

Prints them, and writes docs/evidence/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.bench import checks, commands, delegated, event_log, fleet, resident, serve
from tests.bench.figures import Figure
from tests.bench.report import Conditions, growth_table, notes, render, table
from tests.bench.running import Failed
from tests.bench.scene import Contender, Tools

_ROOT = Path(__file__).parents[2]
_DOCUMENT = _ROOT / "docs" / "evidence" / "benchmarks.md"
_REFERENCE = _ROOT / ".tools" / "reference" / "bin" / "millracer"
_CONTENDERS = ("ours", "reference")
_MAIN_PARTS = ("delegated", "quiet", "checks", "commands", "resident", "events", "serve", "fleet")
_GROWTH_PARTS = ("depths", "workspaces", "stand-ins")
_PARTS = _MAIN_PARTS + _GROWTH_PARTS

Rows = dict[str, Figure]


def main() -> None:
    """Measure what the command line names."""
    arguments = _arguments()
    tools = Tools(
        millrace=os.environ["MILLRACER_TEST_MILLRACE"],
        pi=os.environ["MILLRACER_TEST_PI"],
        millracer=Contender(
            name="ours", command=Path(sys.executable).with_name("millracer"), is_millracer=True
        ),
        reference=Contender(name="reference", command=arguments.reference, is_millracer=False),
    )
    began = os.getloadavg()[0]
    figures = {part: _figures(part) for part in arguments.parts}
    for repetition in range(arguments.repeat):
        order = _CONTENDERS if repetition % 2 == 0 else _CONTENDERS[::-1]
        for part in arguments.parts:
            for name in order:
                _say(f"{repetition + 1}/{arguments.repeat} {part}: {name}")
                _measure(part, tools, name, figures[part])
    conditions = Conditions(
        repetitions=arguments.repeat,
        load=(began, os.getloadavg()[0]),
        date=datetime.now(UTC).date().isoformat(),
        millrace=tools.millrace_version(),
        pi=tools.pi_version(),
    )
    rows, growth = (
        [row for part in arguments.parts if part in wanted for row in figures[part].values()]
        for wanted in (_MAIN_PARTS, _GROWTH_PARTS)
    )
    if set(arguments.parts) == set(_PARTS):
        document = render(rows, growth, conditions)
        _DOCUMENT.write_text(f"{document}\n", encoding="utf-8")
    else:
        remarks = notes([*rows, *growth])
        document = "\n".join(
            [conditions.describe(), "", table(rows), "", growth_table(growth), *remarks]
        )
    sys.stdout.write(f"{document}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--reference",
        type=_absolute,
        default=_REFERENCE,
        help="the reference's program (default: that of `make bench`)",
    )
    parser.add_argument("--repeat", type=int, default=5, help="how often (default 5)")
    parser.add_argument(
        "--only",
        dest="parts",
        nargs="+",
        choices=_PARTS,
        default=_PARTS,
        help="what to measure; only all of it is written to docs/evidence/benchmarks.md",
    )
    return parser.parse_args()


def _absolute(path: str) -> Path:
    return Path(path).absolute()


def _figures(part: str) -> Rows:
    made: dict[str, Callable[[], list[Figure]]] = {
        "delegated": delegated.delegated_figures,
        "quiet": delegated.quiet_figures,
        "checks": checks.check_figures,
        "commands": commands.command_figures,
        "resident": resident.resident_figures,
        "events": event_log.event_figures,
        "serve": serve.serve_figures,
        "fleet": fleet.fleet_figures,
        "stand-ins": fleet.stand_in_figures,
        "depths": commands.depth_figures,
        "workspaces": resident.growth_figures,
    }
    return {figure.name: figure for figure in made[part]()}


def _measure(part: str, tools: Tools, name: str, rows: Rows) -> None:
    """Add a sample to each row of a part; what fails or cannot be is noted in its rows."""
    contender = tools.millracer if name == "ours" else tools.reference
    measures: dict[str, Callable[[Tools, Contender, Rows], None]] = {
        "delegated": delegated.measure_delegated,
        "quiet": delegated.measure_quiet,
        "checks": partial(
            _millracer_alone, checks.measure_checks, lacks="the reference has no such check"
        ),
        "commands": commands.measure_commands,
        "resident": partial(_millracer_alone, resident.measure_again),
        "events": partial(
            _millracer_alone, event_log.measure_events, lacks="the reference has no event log"
        ),
        "serve": partial(
            _millracer_alone, serve.measure_serve, lacks="the reference has no server"
        ),
        "fleet": partial(_millracer_alone, fleet.measure_fleet, lacks="the reference has no fleet"),
        "stand-ins": partial(
            _millracer_alone, fleet.measure_stand_ins, lacks="the reference has no fleet"
        ),
        "depths": commands.measure_depths,
        "workspaces": partial(_millracer_alone, resident.measure_growth),
    }
    filled = {row.name: len(row.of(name).values) for row in rows.values()}
    try:
        measures[part](tools, contender, rows)
    except resident.Absent as absent:
        for row in rows.values():
            row.of(name).absent = str(absent)
    except Failed as failed:
        _say(f"  failed: {failed}")
        for row in rows.values():
            if len(row.of(name).values) == filled[row.name]:
                row.of(name).failures.append(str(failed))


def _millracer_alone(
    measure: Callable[[Tools, Rows], None],
    tools: Tools,
    contender: Contender,
    rows: Rows,
    lacks: str = "the reference has no resident process",
) -> None:
    if not contender.is_millracer:
        raise resident.Absent(lacks)
    measure(tools, rows)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
