"""Render the results of all mutants, with a reason for each survivor: docs/evidence/mutation.md.

The reasons are written by hand in `explained.toml`, by the mutants' names. The counts of a module
are kept in docs/evidence/mutation.json until the module is tried again.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.mutation.trial import Fate, Tried

DOCUMENT = Path(__file__).parents[2] / "docs" / "evidence" / "mutation.md"
_KEPT = DOCUMENT.with_suffix(".json")
_EXPLAINED = Path(__file__).with_name("explained.toml")
_PAGE = """\
# Mutation testing of the domain

Written by `make mutants`; do not edit. Each module of `millracer/domain/` is changed in one small
place at a time: a comparison, a word, a number, an entry of a table, a removed statement, another
member of an enum. A change that no unit test of the domain detects is either a gap in the tests or
has no relevant effect. Annotations, docstrings, sentences, decorators, imports and `__all__` are
not changed.

{table}

`did not end`: the tests exceeded their limit of processor time, which counts as detected.
`explained`: the survivors listed below.

## Survivors and the reason for each

{survivors}

## Why a tool of its own

A quarter of these mutants change code outside functions: the lifecycle table, the enums, and the
completion gate's requirements per kind of work. mutmut 3.8.1 changes functions only: it makes 57
mutants of `lifecycle`, none of them in the table, and none of `work`, `session`, `resolution` and
`preferences`. cosmic-ray 8.7.0 changes operators, numbers and truth values, but no words, entries
or members: it makes 54 mutants of `lifecycle`, none in a row of the table, and starts an
interpreter for each. Here a mutant costs one fork and its module's tests, 0.2 to 0.6 s of one
processor.
"""

#: How many mutants of a module met each fate.
Counts: TypeAlias = Mapping[Fate, int]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some mutants cannot be killed; written by hand."""

    text: str
    mutants: tuple[str, ...]


def read_reasons() -> tuple[Reason, ...]:
    """Return the explanations, in their order."""
    entries = tomllib.loads(_EXPLAINED.read_text(encoding="utf-8"))["because"]
    return tuple(Reason(each["reason"], tuple(each["mutants"])) for each in entries)


def explained_in(reasons: Iterable[Reason]) -> frozenset[str]:
    """Return the names of the mutants that are explained."""
    return frozenset(name for reason in reasons for name in reason.mutants)


def count(tried: Iterable[Tried]) -> Counts:
    """Return how many met each fate."""
    found = Counter(each.fate for each in tried)
    return {fate: found[fate] for fate in Fate}


def wrong(tried: Sequence[Tried], explained: frozenset[str]) -> list[str]:
    """Return which survivors are not explained, and which explained mutants were killed."""
    problems = []
    for each in tried:
        survived, name = each.fate is Fate.SURVIVED, each.mutant.name
        if survived and name not in explained:
            problems.append(f"survived and not explained: {name}")
        if not survived and name in explained:
            problems.append(f"explained, but killed: {name}")
    return problems


def keep(found: Mapping[str, Counts]) -> None:
    """Keep the counts of some modules beside those of the others."""
    kept = {**read_counts(), **found}
    text = json.dumps(kept, indent=2, sort_keys=True)
    _KEPT.write_text(f"{text}\n", encoding="utf-8")


def read_counts() -> dict[str, Counts]:
    """Return the counts that are kept, by module."""
    kept = json.loads(_KEPT.read_text(encoding="utf-8"))
    return {
        module: {Fate(fate): number for fate, number in counts.items()}
        for module, counts in kept.items()
    }


def render(modules: Sequence[str], found: Mapping[str, Counts], reasons: Sequence[Reason]) -> str:
    """Return the document."""
    explained = Counter(name.partition(".")[0] for name in explained_in(reasons))
    table = ["| module | mutants | killed | did not end | survived | explained |"]
    table.append("|---|---|---|---|---|---|")
    table += [_row(module, found.get(module), explained[module]) for module in modules]
    tried = [found[module] for module in modules if module in found]
    everything = {fate: sum(counts[fate] for counts in tried) for fate in Fate}
    table.append(_row("all", everything, explained.total()))
    survivors = [
        line
        for reason in reasons
        for line in (f"{reason.text}:", "", *(f"- `{name}`" for name in reason.mutants), "")
    ]
    return _PAGE.format(table="\n".join(table), survivors="\n".join(survivors).rstrip())


def _row(name: str, counts: Counts | None, explained: int) -> str:
    if counts is None:
        return f"| {name} | not tested yet | | | | |"
    numbers = [sum(counts.values()), *(counts[fate] for fate in Fate), explained]
    return f"| {name} | " + " | ".join(map(str, numbers)) + " |"
