"""Render the crash matrix as `docs/evidence/crash-matrix.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.crash.commands import Command
from tests.crash.matrix import boundaries
from tests.crash.play import DAEMON_HAS_LOCK, HALF_PRINTED, Aftermath
from tests.crash.scene import Situation

HEAD = """\
# Crash matrix

Written by `make crash-matrix`: real Millrace {millrace}, real pi {pi}, a scripted model. Each row
is one SIGKILL in a new workspace, followed by the same command again. The test then inspects
Millrace's files, the process table and the locks directly, without using Millracer.

- **at** is a point in the code, found by running it under a trace (`tests/crash/points.py`): each
  entered state, each side of each `millrace` command (*before*, *begun*, *unheard*: it ended and
  its answer was not read; *forked*: the fork server has made the process, which has not started the
  command yet), each wait, each turn of pi, each file of Millracer before it is created, replaced or
  removed, each signal, and the print. *beside* means another thread. `=` joins points with no
  effect between them, so that one death covers all of them. A known point that is not reached fails
  the run.
- Other moments are observed from outside: a stage has started, pi waits for the model,
  {moments}.
- **first run** is what the interrupted command printed. **second run** is the outcome and exit code
  of the same command, checked against Millrace's files.
- **items** is the number of work items in Millrace at the end, **adds** the number of `queue add-…`
  commands that were started. Without a request id the same text is a new item: two is correct, and
  the first item was listed and resumed unless it was done.
- **stages** lists the stages in the order they began. Millrace repeats a stage that was cut off.
- **left or wrong** lists what remained at the end (processes, the runtime lock, the ownership
  record, partly written files, held locks) and every other deviation from the expected state.
- *last child delayed*: the process started last is stopped, and continues when the next command
  waits for it or has ended.

{deaths} of {known} deaths were tested. In {wrong} of them something was lost, done twice, reported
wrongly or left behind.
"""
_COLUMNS = ("killed", "at", "first run", "second run", "items", "adds", "stages", "left or wrong")


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
    reused = ", and another process reuses the daemon's pid" if death.reuses_pid else ""
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
