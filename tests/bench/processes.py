"""Read a tree of processes from /proc: its members, and how much CPU it has used."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process as it was read.

    Attributes:
        cpu_seconds: its own, and that of the children it has waited for.
    """

    pid: int
    parent: int
    cpu_seconds: float


def tree(root: int, *, without: int | None = None) -> list[Process]:
    """Return a process and all that descend from it, but no branch that begins with `without`."""
    children: dict[int, list[Process]] = defaultdict(list)
    found = []
    for process in _all():
        children[process.parent].append(process)
        if process.pid == root:
            found.append(process)
    for process in found:
        found += [child for child in children[process.pid] if child.pid != without]
    return found


def cpu_seconds(processes: list[Process]) -> float:
    """Return what they have used together; of a whole tree, nothing is counted twice."""
    return sum(process.cpu_seconds for process in processes)


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        # The name is in brackets and may hold any; the fields are counted in proc(5).
        fields = stat.rpartition(")")[2].split()
        used = sum(map(int, fields[11:15])) / _TICKS_A_SECOND
        yield Process(pid=int(entry.name), parent=int(fields[1]), cpu_seconds=used)
