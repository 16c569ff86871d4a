"""Show what many writers at once leave in the session store, Millracer's and the reference's.

Three loads, one process per writer: 24 selections at once; 8 writers of 200 updates each, where
each session gets as many requests as it remembers, from several writers in turn; and one such
writer alone. Prints how many were kept and, in the same run on the same machine, how the times
compare; a writer that fails ends early, so only the times of loads that were kept compare fairly.

    python -m tests.bench.store [--reference PYTHON]

PYTHON is an interpreter that has the reference installed (`millracer==0.2.0`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

CALLERS = 24
WRITERS = 8
UPDATES = 200
REMEMBERED = 20

Select = Callable[[str], object]
Record = Callable[[str, str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one load went; `kept` is None where the store cannot be read afterwards."""

    name: str
    expected: int
    kept: int | None
    failed: int
    seconds: float


def main() -> None:
    """Run both loads on each store and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", metavar="PYTHON", help="has millracer==0.2.0 installed")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        return
    millracer = measure("ours", sys.executable)
    print_figures("ours", millracer)
    if arguments.reference:
        reference = measure("reference", arguments.reference)
        print_figures("reference", reference)
        for mine, other in zip(millracer, reference, strict=True):
            print(f"ratio      {mine.name:<14} {mine.seconds / other.seconds:.2f} of its time")


def measure(store: str, python: str) -> list[Figures]:
    """Run both loads on new stores, each in processes of that interpreter."""
    figures = []
    for load, count, expected in (
        ("select", CALLERS, CALLERS),
        ("update", WRITERS, WRITERS * UPDATES),
        ("update", 1, UPDATES),
    ):
        with tempfile.TemporaryDirectory() as folder:
            worker = (python, __file__, "--worker", store, folder)
            writers = [
                subprocess.Popen(
                    (*worker, load, str(number)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                for number in range(count)
            ]
            for writer in writers:
                writer.stdout.readline()
            began = time.monotonic()
            for writer in writers:
                writer.stdin.close()
            failed = sum(writer.wait() != 0 for writer in writers)
            seconds = time.monotonic() - began
            for writer in writers:
                writer.stdout.close()
            counted = subprocess.run(
                (*worker, f"count-{load}", "0"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=False,
            ).stdout
        figures.append(
            Figures(
                name=f"{count} x {load}",
                expected=expected,
                kept=int(counted) if counted else None,
                failed=failed,
                seconds=seconds,
            )
        )
    return figures


def print_figures(store: str, figures: list[Figures]) -> None:
    """Print one line for each load."""
    for load in figures:
        kept = "unreadable, kept none" if load.kept is None else f"kept {load.kept}"
        print(
            f"{store:<10} {load.name:<14} {kept} of {load.expected},"
            f" {load.failed} writers failed, {load.seconds:.2f} s"
        )


def work(store: str, folder: str, load: str, number: str) -> None:
    """Be one writer, let go when stdin ends; or count the sessions."""
    select, record, count = (open_millracer if store == "ours" else open_reference)(Path(folder))
    if load.startswith("count-"):
        print(count(requests=load == "count-update"))
        return
    print("ready", flush=True)
    sys.stdin.read()
    if load == "select":
        select(f"session-{number}")
        return
    for update in range(UPDATES):
        session = (update * WRITERS + int(number)) // REMEMBERED
        record(f"session-{session}", f"{number}-{update}")


def open_millracer(folder: Path) -> tuple[Select, Record, Callable[..., int]]:
    """Return the three calls on Millracer's store."""
    from millracer.domain.workspaces import Selection  # noqa: PLC0415 - likewise
    from millracer.store.sessions import SqliteSessionStore  # noqa: PLC0415 - or the other

    store = SqliteSessionStore(folder)
    chosen = Selection(workspace_id="mill", root_path="/srv/mill")
    return (
        lambda session: store.select(session, chosen, client_name=session),
        lambda session, request: store.record_request(
            session, client_name=session, request_id=request, warning_codes=()
        ),
        lambda *, requests: _count(store.list_sessions(), requests=requests),
    )


def open_reference(folder: Path) -> tuple[Select, Record, Callable[..., int]]:
    """Return the same three calls on the reference's store."""
    from millracer.sessions import SessionStore  # noqa: PLC0415 - the reference's package

    store = SessionStore(folder / "sessions.json")
    return (
        partial(store.update_selection, workspace_id="mill", mode=None),
        lambda session, request: store.record_request(session, request_id=request),
        lambda *, requests: _count(store.list_sessions(), requests=requests),
    )


def _count(sessions: tuple, *, requests: bool) -> int:
    return sum(len(session.recent_request_ids) if requests else 1 for session in sessions)


if __name__ == "__main__":
    main()
