"""A `/proc` that is missing or lacks something, laid out in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import ProcUnavailable
from millracer.millrace.daemon.ownership import note_stopped, was_stopped
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system import proc as proc_folder
from millracer.system import process_table, processes

#: Notes that it was asked to end, and ends.
POLITE = """
import signal, sys, time
def leave(*_):
    open(sys.argv[1], "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def proc(tmp_path: Path) -> Iterator[Path]:
    """An empty folder in the place of `/proc`."""
    folder = tmp_path / "proc"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil, "PROCFS_PATH", str(folder))
        yield folder


def show_this_process(proc: Path, pid: int) -> None:
    """Let the folder show this process, by a pid."""
    (proc / str(pid)).symlink_to(f"/proc/{os.getpid()}")
    (proc / "self").symlink_to(str(pid))


def hide_this_process(proc: Path) -> None:
    """Let the folder show this process, but not what became of it."""
    (proc / str(os.getpid())).mkdir()
    (proc / str(os.getpid()) / "stat").write_text("1 (millracer) S 0\n")
    (proc / "self").symlink_to(str(os.getpid()))


def test_the_system_shows_this_process() -> None:
    assert proc_folder.shows_processes()
    assert proc_folder.warn_unseen() == ()


@pytest.mark.parametrize(
    "lay_out",
    [
        pytest.param(lambda _: None, id="empty"),
        pytest.param(lambda proc: proc.rmdir(), id="missing"),
        pytest.param(
            lambda proc: show_this_process(proc, os.getpid() + 1), id="another namespace's"
        ),
        pytest.param(lambda proc: (proc / "self").symlink_to(str(os.getpid())), id="not ours"),
        pytest.param(hide_this_process, id="without start times"),
    ],
)
def test_no_process_counts_as_dead_where_none_can_be_looked_up(
    proc: Path, lay_out: Callable[[Path], object]
) -> None:
    lay_out(proc)

    for read in (
        lambda: process_table.started_at(os.getpid()),
        lambda: process_table.is_same_process(os.getpid(), 0.0),
        lambda: process_table.processes_with_token("token"),
        lambda: list(process_table.command_lines()),
    ):
        with pytest.raises(ProcUnavailable, match=str(proc)):
            read()
    (warning,) = proc_folder.warn_unseen()
    assert warning.code == ProcUnavailable.code


@pytest.mark.parametrize("stat", [None, "cpu 1 2 3\n", "btime soon\n"])
def test_a_start_time_needs_no_boot_time(proc: Path, stat: str | None) -> None:
    show_this_process(proc, os.getpid())
    if stat is not None:
        (proc / "stat").write_text(stat)

    found = process_table.started_at(os.getpid())

    assert found == process_table.started_at(os.getpid())
    started = time.time() - time.monotonic() + _start_on_the_monotonic_clock()
    assert found is not None
    assert process_table.is_same_start(found, started)


def test_a_daemon_is_known_as_stopped_by_a_slightly_different_start_time(tmp_path: Path) -> None:
    paths = WorkspacePaths(tmp_path)
    paths.make_own()
    note_stopped(paths, RunningDaemon(pid=7, started=1000.0, owned=True))

    assert was_stopped(paths, RunningDaemon(pid=7, started=1000.02, owned=True))
    assert not was_stopped(paths, RunningDaemon(pid=7, started=1010.0, owned=True))
    assert not was_stopped(paths, RunningDaemon(pid=8, started=1000.0, owned=True))


@pytest.mark.usefixtures("proc")
def test_a_group_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    with subprocess.Popen(
        (sys.executable, "-c", POLITE, str(asked)),
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"

            processes.end_token("token", grace_seconds=30, group=child.pid)

            assert child.wait(timeout=10) == 0
        finally:
            child.kill()
    assert asked.exists()


@pytest.mark.usefixtures("proc")
def test_a_group_that_does_not_end_is_killed() -> None:
    with subprocess.Popen(
        ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"),  # noqa: S607 - the system's
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"

        processes.end_group(child.pid, grace_seconds=0.2)

        assert child.wait(timeout=10) == -signal.SIGKILL


def _start_on_the_monotonic_clock() -> float:
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return since_boot - time.clock_gettime(time.CLOCK_BOOTTIME) + time.monotonic()
