"""Resources of a process and its descendants, and files on disk: read without the product."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.bench.processes import tree
from tests.bench.scene import Scene

_MEMORY = re.compile(r"^Vm(HWM|RSS):\s+(\d+) kB$", re.MULTILINE)
_ZOMBIE = re.compile(r"^State:\s+Z", re.MULTILINE)
_KIB = 1024
Readings = dict[str, float]


def of_process(pid: int) -> Readings:
    """Return a process's memory and its most so far (MiB), open files and threads.

    Raises:
        OSError: it has ended.
        KeyError: the same; a zombie has no memory.
    """
    folder = Path("/proc", str(pid))
    memory = _memory(_status(pid))
    return {
        "memory": memory["RSS"],
        "peak_memory": memory["HWM"],
        "open_files": sum(1 for _ in (folder / "fd").iterdir()),
        "threads": sum(1 for _ in (folder / "task").iterdir()),
    }


def of_descendants(pid: int) -> Readings:
    """Return how many processes there are below one, how many of them unreaped, their memory."""
    below = [each.pid for each in tree(pid) if each.pid != pid]
    zombies, memory = 0, 0.0
    for each in below:
        with suppress(OSError):
            status = _status(each)
            zombies += bool(_ZOMBIE.search(status))
            memory += _memory(status).get("RSS", 0.0)
    return {"processes": len(below), "zombies": zombies, "memory_below": memory}


def of_disk(scene: Scene) -> Readings:
    """Return files and KiB in Millracer's folders and in Millrace's, temporary files apart."""
    root = scene.workspace.root
    own = list(_files(root / ".millracer"))
    kept = [path for path in own if path.parent.name == "intake"]
    state = list(_files(scene.home))
    runtime = list(_files(scene.workspace.agents))
    temporary = [path for path in (*own, *state) if path.name.endswith((".tmp", "-wal"))]
    return {
        "own_files": len(own) - len(kept),
        "own_size": _kib(own) - _kib(kept),
        "intake_files": len(kept),
        "intake_size": _kib(kept),
        "state_files": len(state),
        "state_size": _kib(state),
        "temporary_files": len(temporary),
        "runtime_files": len(runtime),
        "runtime_size": _kib(runtime),
    }


def _status(pid: int) -> str:
    return Path("/proc", str(pid), "status").read_text(encoding="utf-8", errors="replace")


def _memory(status: str) -> dict[str, float]:
    return {name: int(size) / _KIB for name, size in _MEMORY.findall(status)}


def _files(folder: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(folder):
        yield from (Path(directory, name) for name in names)


def _kib(paths: list[Path]) -> float:
    total = 0
    for path in paths:
        with suppress(OSError):  # its owner has removed it meanwhile
            total += path.stat().st_size
    return total / _KIB
