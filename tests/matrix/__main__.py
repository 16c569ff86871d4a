"""`make test-matrix`: runs each cell, prints its outcome, writes docs/evidence/compatibility.*."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from tests.matrix.cells import CELLS, Cell
from tests.matrix.report import (
    Outcome,
    Result,
    merge,
    not_had,
    ran,
    read_results,
    write_results,
)
from tests.matrix.running import run_tests
from tests.matrix.tools import ROOT, NotHad, ask_version, get_tools

_LOGS = ROOT / ".tools" / "matrix"


def main() -> int:
    """Run the named cells, or all; a failed one fails the whole, after the others have run."""
    names = [cell.name for cell in CELLS]
    parser = argparse.ArgumentParser(prog="make test-matrix", description=__doc__)
    parser.add_argument("cells", nargs="*", help=f"any of: {', '.join(names)}; all by default")
    parser.add_argument("--quick", action="store_true", help="leave the slow tests out")
    arguments = parser.parse_args()
    wanted = arguments.cells or names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        parser.error(f"there is no cell {', '.join(unknown)}; there are {', '.join(names)}")
    results = []
    for cell in CELLS:
        if cell.name in wanted:
            _say(f"{cell.name}: begins; its output goes to {_LOGS / cell.name}.log")
            results.append(_run(cell, slow=not arguments.quick))
            _say(results[-1].summary())
            write_results(merge(read_results(), results[-1]))
    _say("")
    for result in results:
        _say(result.summary())
    return 1 if any(result.outcome is Outcome.FAILED for result in results) else 0


def _run(cell: Cell, *, slow: bool) -> Result:
    date = datetime.now(UTC).date().isoformat()
    try:
        tools = get_tools(cell)
    except NotHad as exc:
        return not_had(cell, str(exc), date=date)
    counted = run_tests(cell, tools, _LOGS, slow=slow)
    python, node = ask_version(tools.python), ask_version(tools.node)
    return ran(cell, counted, python=python, node=node, date=date)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
