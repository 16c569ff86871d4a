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


def cpu_seconds_of(pid: int, *, with_children: bool = False) -> float:
    """Return the CPU time of a process.

    Args:
        pid: the process.
        with_children: also that of the children it has waited for.

    Raises:
        OSError: it has ended.
    """
    return _cpu_seconds(_fields(Path("/proc", str(pid))), last=15 if with_children else 13)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process.

    Raises:
        OSError: it has ended.
        ValueError: it is ending.
    """
    status = Path("/proc", str(pid), "status").read_text(encoding="utf-8", errors="replace")
    (resident,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(resident.split()[1]) * 1024


def _fields(folder: Path) -> list[str]:
    """Return the fields of `stat` after the name; the name is in brackets and may hold any."""
    stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    return stat.rpartition(")")[2].split()


def _cpu_seconds(fields: list[str], *, last: int) -> float:
    """Return the sum of the fields of CPU time, which are counted in proc(5)."""
    return sum(map(int, fields[11:last])) / _TICKS_A_SECOND


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _fields(entry)
        except OSError:
            continue  # it has ended meanwhile
        used = _cpu_seconds(fields, last=15)
        yield Process(pid=int(entry.name), parent=int(fields[1]), cpu_seconds=used)
