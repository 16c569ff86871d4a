"""A unit test opens no file, starts no process and uses no socket; one that does fails."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_FORBIDDEN = frozenset(
    {
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
        *("pty.spawn", "socket.bind", "socket.connect", "socket.getaddrinfo", "sqlite3.connect"),
        "subprocess.Popen",
    }
)
#: Python's own files and Hypothesis's database: what a lazy import or a failing test reads.
_ALLOWED = (
    *dict.fromkeys(
        str(Path(folder).resolve())
        for folder in (
            *(sys.prefix, sys.base_prefix, *site.getsitepackages()),
            *(sysconfig.get_path("stdlib"), _ROOT / ".hypothesis"),
        )
    ),
    "/dev/",
    "<",  # no file: a name that Python gives to code
    "/usr/share/zoneinfo",
)
_SOURCE = (".py", ".pyc")


class _Watch:
    """Collects what one test does that a unit test must not; the hook itself cannot be removed."""

    def __init__(self) -> None:
        self.is_on = False
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event == "open":
            path = arguments[0]
            if isinstance(path, (str, bytes)) and not _is_allowed(path):
                self.seen.append(f"open {path!r}")
        elif event in _FORBIDDEN and arguments[:1] != (":memory:",):
            self.seen.append(f"{event} {arguments!r:.200}")


def _is_allowed(path: str | bytes) -> bool:
    name = path if isinstance(path, str) else path.decode(errors="replace")
    if name.startswith(_ALLOWED):
        return True
    inside = str(_ROOT) + "/"
    return (name.startswith(inside) and name.endswith(_SOURCE)) or ".pyc." in name


_watch = _Watch()
sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def only_memory(clean_environment: Path) -> Iterator[None]:
    """Fail a test that opens a file, starts a process or uses a socket."""
    del clean_environment  # its files are not the test's
    _watch.seen.clear()
    _watch.is_on = True
    yield
    _watch.is_on = False
    if _watch.seen:
        pytest.fail("a unit test must not do this:\n" + "\n".join(dict.fromkeys(_watch.seen)))
