"""The matrix as a page: `docs/crash-matrix.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.crash.commands import Command
from tests.crash.matrix import boundaries
from tests.crash.play import DAEMON_HAS_LOCK, HALF_PRINTED, Aftermath
from tests.crash.scene import Situation

HEAD = """\
# Killed anywhere

Written by `make crash-matrix`: real Millrace {millrace}, real pi {pi}, a scripted model. Each row
is one SIGKILL in a new workspace, then the same command again, then a look past the product: at
Millrace's files, the process table and the locks.

- **at** is a point of the code, found by running it under a trace (`tests/crash/points.py`): each
  entered state, each side of each `millrace` command (*before*, *begun*, *unheard*: it has ended
  and nobody read its answer; a warm one is *forked* and then told to begin), each wait, each turn
  of pi, each file of ours before it is made, replaced or removed, each signal, the print. *beside*
  is another thread. `=` joins points between which nothing is done, so that dying at one is dying
  at each. A point that is known and not reached fails the run.
- Other moments are seen from outside: a stage has begun, pi waits for the model,
  {moments}.
- **said** is what the interrupted command printed, **again** the same command's answer and exit
  code, held against Millrace's files.
- **items** are the work items in Millrace at the end, **adds** how often a `queue add-…` was begun.
  Of an unnamed request the same words are another item: two is right, and the first was listed
  and resumed unless it was done.
- **stages** began in this order; one that was cut is run again by Millrace.
- **left or wrong** is what was still there at the end: processes, the daemon's lock, our ownership
  record, half written files, held locks; and whatever else of this is not as it should be.
- *what it started held up*: what it had begun last is stopped, and goes on when the next command
  waits for it or has ended.

{deaths} of {known} deaths were played, {wrong} of them with something lost, done twice, untrue or
left behind.
"""
_COLUMNS = ("killed", "at", "said", "again", "items", "adds", "stages", "left or wrong")


def render(
    rows: Sequence[Aftermath],
    recorded: Mapping[Situation, Sequence[str]],
    *,
    known: int,
    **versions: str,
) -> str:
    """Return the page; `known` is how many deaths there are, played or not."""
    wrong = sum(bool(row.wrong) for row in rows)
    moments = f"{DAEMON_HAS_LOCK}, {HALF_PRINTED}"
    head = HEAD.format(deaths=len(rows), known=known, wrong=wrong, moments=moments, **versions)
    parts = [head, _totals(rows), ""]
    for situation in dict.fromkeys(row.death.situation for row in rows):
        own = [row for row in rows if row.death.situation == situation]
        points = recorded.get(situation)
        passed = "" if points is None else f" It passes {sum(map(len, boundaries(points)))} points."
        parts.append(f"## {situation.name.capitalize()}\n\n`{_command(situation)}`{passed}\n")
        parts.append("\n".join((_line(_COLUMNS), _line(["---"] * len(_COLUMNS)), *map(_row, own))))
        parts.append("")
    return "\n".join(parts)


def _totals(rows: Sequence[Aftermath]) -> str:
    """Return how many died in each situation, and how many of them are wrong."""
    lines = [_line(("run", "killed", "deaths", "wrong")), _line(["---"] * 4)]
    for situation, victim in dict.fromkeys((row.death.situation, row.death.victim) for row in rows):
        own = [
            row for row in rows if (row.death.situation, row.death.victim) == (situation, victim)
        ]
        wrong = sum(bool(row.wrong) for row in own)
        lines.append(_line((situation.name, victim, str(len(own)), str(wrong))))
    return "\n".join(lines)


def _command(situation: Situation) -> str:
    if situation.command is Command.OPS:
        return f"{situation.command} <<< REQUEST"
    request = ("--request-id", "ID") if situation.named else ()
    return " ".join((situation.command, *situation.options, *request, "TASK"))


def _row(row: Aftermath) -> str:
    death = row.death
    at = " = ".join((death.point, *(point.partition(": ")[2] for point in death.same)))
    reused = ", and the daemon's pid is a stranger's" if death.reuses_pid else ""
    return _line(
        (
            death.victim,
            f"{at}{reused}",
            row.said,
            row.again,
            str(row.items),
            str(row.adds),
            ", ".join(row.stages) or "none",
            "; ".join(row.wrong) or "nothing",
        )
    )


def _line(cells: Sequence[str]) -> str:
    safe = (cell.replace("|", "\\|").replace("*", "\\*").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"
