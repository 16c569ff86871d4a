"""`make mutants`: tries every mutant of the domain, or of some of its modules.

    python -m tests.mutation [--jobs N] [MODULE ...]

Prints each mutant that survives and is not explained, and the counts. docs/evidence/mutation.md has
the counts of all modules, each from its latest run. Exits 1 if a mutant survived without an
explanation, or an explained one was killed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

# Imported here, so that no trial has to: what the tests and the domain need of others.
import hypothesis.stateful
import transitions

from tests.mutation.mutants import modules, mutants_of
from tests.mutation.report import (
    DOCUMENT,
    count,
    explained_in,
    keep,
    read_counts,
    read_reasons,
    render,
    wrong,
)
from tests.mutation.trial import check_tests, try_mutant

_PRELOADED = (hypothesis.stateful, transitions)


def main() -> int:
    """Try them and report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default 2)")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(modules()):
        parser.error(f"no module of the domain: {', '.join(sorted(unknown))}")
    reasons = read_reasons()
    problems = []
    forks = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(arguments.jobs, mp_context=forks) as pool:
        for module in arguments.modules or modules():
            pool.submit(check_tests, module).result()
            tried = list(pool.map(try_mutant, mutants_of(module)))
            counts = count(tried)
            keep({module: counts})
            DOCUMENT.write_text(render(modules(), read_counts(), reasons), encoding="utf-8")
            description = ", ".join(f"{number} {fate}" for fate, number in counts.items())
            found = wrong(tried, explained_in(reasons))
            sys.stdout.writelines(f"{line}\n" for line in (f"{module}: {description}", *found))
            sys.stdout.flush()
            problems += found
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
