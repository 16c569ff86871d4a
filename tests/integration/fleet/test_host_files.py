"""The lock of a host on its machine, and the identity of a checkout."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolTimeout, UsageError
from millracer.fleet.checkout import CheckoutFolder
from millracer.fleet.host_lock import HostLock, WorkerProcess
from millracer.millrace.files.workspace import WorkspacePaths

_HOLDER = """
import sys, time
from pathlib import Path
from millracer.fleet.host_lock import HostLock
lock = HostLock.take("ci-1", Path(sys.argv[1]))
print(lock.machine, flush=True)
time.sleep(60)
"""


@contextmanager
def holding(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process, until the end of the block."""
    process = subprocess.Popen(
        (sys.executable, "-c", _HOLDER, str(state)), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with closing(process.stdout):
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()
            process.wait()


def git(*arguments: str, folder: Path) -> str:
    argv = ("git", "-C", str(folder), *arguments)
    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout


def checkout(root: Path) -> CheckoutFolder:
    root.mkdir(exist_ok=True)
    paths = WorkspacePaths(root)
    paths.make_own()
    return CheckoutFolder(workspace_id="shop", root=str(root), folder=paths.fleet)


def test_a_second_worker_of_a_host_is_refused(tmp_path: Path) -> None:
    with holding(tmp_path) as process, pytest.raises(UsageError) as refused:
        HostLock.take("ci-1", tmp_path)

    assert refused.value.code == "fleet_host_held"
    assert str(process.pid) in refused.value.message


def test_another_host_of_the_machine_has_a_lock_of_its_own(tmp_path: Path) -> None:
    with holding(tmp_path):
        HostLock.take("ci-2", tmp_path).release()


def test_a_killed_worker_is_proven_dead(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        lock = HostLock.take("ci-1", tmp_path)

    assert lock.is_holder_dead
    lock.release()


def test_the_first_worker_of_a_machine_proves_nothing(tmp_path: Path) -> None:
    lock = HostLock.take("ci-1", tmp_path)

    assert (lock.former, lock.is_holder_dead) == (None, False)
    lock.release()


def test_the_machine_is_that_of_the_state_folder(tmp_path: Path) -> None:
    machines = []
    for folder in ("one", "one", "other"):
        lock = HostLock.take("ci-1", tmp_path / folder)
        machines.append(lock.machine)
        lock.release()

    assert machines[0] == machines[1] != machines[2]


@pytest.mark.parametrize(
    "change",
    [{"boot": "another"}, {"namespace": "pid:[1]"}, {"boot": ""}, {"start": None}],
    ids=["boot", "namespace", "no boot id", "no start"],
)
def test_without_the_whole_proof_a_holder_may_live(
    tmp_path: Path, change: dict[str, object]
) -> None:
    _leave_record(tmp_path, pid=_dead_pid(), **change)

    lock = HostLock.take("ci-1", tmp_path)

    assert not lock.is_holder_dead
    lock.release()


def test_a_process_with_the_pid_of_the_holder_is_not_the_holder(tmp_path: Path) -> None:
    _leave_record(tmp_path, pid=os.getpid(), start=1.0)

    lock = HostLock.take("ci-1", tmp_path)

    assert lock.is_holder_dead
    lock.release()


def test_a_holder_that_lives_is_refused_also_without_its_lock(tmp_path: Path) -> None:
    """As on a network file system that does not share locks."""
    with holding(tmp_path / "mine"):
        record = (tmp_path / "mine" / "fleet" / "ci-1.lock").read_bytes()
        (tmp_path / "other" / "fleet").mkdir(parents=True)
        (tmp_path / "other" / "fleet" / "ci-1.lock").write_bytes(record)

        with pytest.raises(UsageError):
            HostLock.take("ci-1", tmp_path / "other")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"pid": 1}'])
def test_a_damaged_record_proves_nothing(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "ci-1.lock").write_bytes(damage)

    lock = HostLock.take("ci-1", tmp_path)

    assert not lock.is_holder_dead
    lock.release()


def test_a_checkout_keeps_its_identity_and_a_moved_one_too(tmp_path: Path) -> None:
    first = checkout(tmp_path / "shop")
    identity, secret = first.identity(), first.secret()
    again = first.identity()
    (tmp_path / "shop").rename(tmp_path / "moved")
    moved = checkout(tmp_path / "moved").identity()
    (tmp_path / "moved").rename(tmp_path / "elsewhere")

    assert identity == again == moved == checkout(tmp_path / "elsewhere").identity()
    assert secret == checkout(tmp_path / "elsewhere").secret()


def test_a_copy_of_a_checkout_has_another_identity(tmp_path: Path) -> None:
    identity = checkout(tmp_path / "shop").identity()
    shutil.copytree(tmp_path / "shop", tmp_path / "copy")

    copied = checkout(tmp_path / "copy")

    assert copied.identity() != identity
    assert copied.secret() != checkout(tmp_path / "shop").secret()
    assert copied.identity() == copied.identity()
    assert checkout(tmp_path / "shop").identity() == identity


def test_git_ignores_the_identity(tmp_path: Path) -> None:
    checkout(tmp_path / "shop").identity()
    git("init", "--quiet", folder=tmp_path / "shop")

    assert git("status", "--porcelain", "--untracked-files=all", folder=tmp_path / "shop") == ""


def test_one_worker_at_a_time_holds_a_checkout(tmp_path: Path) -> None:
    one, other = checkout(tmp_path / "shop"), checkout(tmp_path / "shop")

    with (
        one.hold(Wait.for_seconds(5)),
        pytest.raises(ToolTimeout),
        other.hold(Wait.for_seconds(0.1)),
    ):
        pass
    with other.hold(Wait.for_seconds(5)):
        pass


def _leave_record(state: Path, **change: object) -> None:
    current = WorkerProcess.current()
    record = {
        "boot": current.boot,
        "namespace": current.namespace,
        "pid": current.pid,
        "start": current.start,
        **change,
    }
    (state / "fleet").mkdir()
    (state / "fleet" / "ci-1.lock").write_text(json.dumps(record))


def _dead_pid() -> int:
    process = subprocess.Popen((sys.executable, "-c", ""))
    process.wait()
    return process.pid
