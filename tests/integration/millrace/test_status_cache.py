"""Statuses that are given again: only while nothing that they depend on has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.work.runtime import RuntimeStatus
from millracer.errors import ToolFailed, ToolTimeout
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.status_cache import LONGEST_KEPT_SECONDS, StatusCache
from tests.support.cli import wait_until
from tests.support.millrace_install import lay_out, upgrade

_PROGRAM = Path(__file__).parents[2] / "children" / "fake_millrace.py"
_LATER_NS = 60_000_000_000


@dataclass(slots=True)
class Scene:
    """A workspace, and a Millrace whose status is all that its files say.

    Attributes:
        asked: how often it was asked.
        now: the monotonic clock's time.
        ahead_ns: how far the wall clock is ahead of the file system's, so that all is settled.
        meanwhile: what happens while Millrace reads.
    """

    folder: Path
    asked: int = 0
    now: float = 0.0
    ahead_ns: int = _LATER_NS
    meanwhile: Callable[[], None] | None = None
    argv: tuple[str, ...] = ()
    kept: StatusCache = field(init=False)

    def __post_init__(self) -> None:
        self.kept = StatusCache(
            monotonic=lambda: self.now, wall_ns=lambda: time.time_ns() + self.ahead_ns
        )
        self.argv = (str(lay_out(self.folder / "venv", _PROGRAM)),)
        for name in ("tasks/queue", "tasks/active", "state", "runs/run-1/stage_results"):
            (self.agents / name).mkdir(parents=True)
        self.write("millrace.toml", "mode = 1")
        self.write("tasks/queue/task-1.md", "a task")
        self.write("runs/run-1/stage_results/one.json", "1")
        self.snapshot("millrace-agents/runs/run-1/stage_results/one.json")

    @property
    def root(self) -> Path:
        return self.folder / "workspace"

    @property
    def agents(self) -> Path:
        return self.root / "millrace-agents"

    @property
    def calls(self) -> MillraceCalls:
        return MillraceCalls(argv=self.argv, workspace=self.root, cwd=self.root)

    def write(self, name: str, text: str) -> None:
        (self.agents / name).write_text(text, encoding="utf-8")

    def snapshot(self, result: str | None) -> None:
        self.write("state/runtime_snapshot.json", json.dumps({"last_stage_result_path": result}))

    def lock(self, pid: int) -> None:
        lock = {"owner_pid": pid, "owner_hostname": "here", "acquired_at": "2026-01-01T00:00:00Z"}
        self.write("state/runtime_daemon.lock.json", json.dumps(lock))

    def truth(self) -> dict[str, str]:
        """Return what Millrace says now: its files, and whether the lock's owner lives."""
        said = {
            str(path.relative_to(self.agents)): path.read_text(encoding="utf-8")
            for path in sorted(self.agents.rglob("*"))
            if path.is_file()
        }
        lock = said.get("state/runtime_daemon.lock.json")
        if lock is not None:
            said["owner"] = str(_lives(json.loads(lock)["owner_pid"]))
        return said

    def ask(self, _wait: Wait) -> RuntimeStatus:
        self.asked += 1
        said = self.truth()
        if self.meanwhile is not None:
            self.meanwhile()
        return status(said)

    def read(self) -> RuntimeStatus:
        self.now += 1.0
        return self.kept.read(self.calls, self.ask, Wait.for_seconds(30))

    def is_kept(self) -> bool:
        """Whether a question now is answered without Millrace, and rightly so."""
        before = self.asked
        found = self.read()
        assert found.raw == self.truth()
        assert found.unchanged_since_read is (self.asked == before)
        return self.asked == before


def status(said: dict[str, str]) -> RuntimeStatus:
    return RuntimeStatus(
        process_running=False,
        lock="absent",
        active_run_count=0,
        active_stage=None,
        active_item_id=None,
        active_item_kind=None,
        queue_depths={},
        paused=False,
        pause_sources="none",
        stop_requested=False,
        mode_id=None,
        raw=dict(said),
        source="millrace status",
        observed_at=datetime.now(UTC),
    )


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(("sleep", "120"))  # noqa: S607 - the system's own
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_answer_is_given_again_while_nothing_changes(scene: Scene) -> None:
    first, second = scene.read(), scene.read()

    assert (first.unchanged_since_read, second.unchanged_since_read) == (False, True)
    assert (second.raw, second.observed_at) == (first.raw, first.observed_at)
    assert scene.asked == 1


def edit_in_place_and_hide_it(scene: Scene) -> None:
    path = scene.agents / "tasks" / "queue" / "task-1.md"
    before = path.stat()
    path.write_text("A TASK", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Scene], object]] = {
    "the configuration is edited": lambda scene: scene.write("millrace.toml", "mode = 2"),
    "a file changes under its old time": edit_in_place_and_hide_it,
    "an item comes": lambda scene: scene.write("tasks/queue/task-2.md", ""),
    "an item moves": lambda scene: (scene.agents / "tasks/queue/task-1.md").rename(
        scene.agents / "tasks/active/task-1.md"
    ),
    "an item goes": lambda scene: (scene.agents / "tasks/queue/task-1.md").unlink(),
    "a folder comes": lambda scene: (scene.agents / "blueprints").mkdir(),
    "a folder goes": lambda scene: shutil.rmtree(scene.agents / "tasks"),
    "another result is the last": lambda scene: scene.snapshot("elsewhere/two.json"),
    "a result beside the last comes": lambda scene: scene.write(
        "runs/run-1/stage_results/two.json", "2"
    ),
    "the last result is edited": lambda scene: scene.write(
        "runs/run-1/stage_results/one.json", "2"
    ),
    "a daemon takes the lock": lambda scene: scene.lock(os.getpid()),
    "the workspace is closed": lambda scene: scene.root.chmod(0o555),
    "a file is closed": lambda scene: (scene.agents / "millrace.toml").chmod(0o444),
    "Millrace is upgraded": lambda scene: upgrade(scene.folder / "venv", "0.21.2"),
    "Millrace's program is replaced": lambda scene: Path(scene.argv[0]).write_text(
        Path(scene.argv[0]).read_text(encoding="utf-8") + "\n", encoding="utf-8"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_millrace_is_asked_again_once_something_changed(
    scene: Scene, change: Callable[[Scene], object]
) -> None:
    scene.read()
    assert scene.is_kept()

    change(scene)

    assert not scene.is_kept()
    assert scene.is_kept()
    scene.root.chmod(0o755)


def test_a_run_that_is_not_the_last_changes_nothing(scene: Scene) -> None:
    scene.read()
    (scene.agents / "runs" / "run-2").mkdir()
    before = scene.asked

    assert scene.read().unchanged_since_read is True
    assert scene.asked == before


def test_the_results_that_are_not_there_yet_are_waited_for(scene: Scene) -> None:
    scene.snapshot("elsewhere/two.json")
    scene.read()
    assert scene.is_kept()

    (scene.root / "elsewhere").mkdir()

    assert not scene.is_kept()


def test_a_daemon_that_is_killed_changes_no_file_and_is_noticed(scene: Scene) -> None:
    with sleeping() as daemon:
        scene.lock(daemon.pid)
        scene.read()
        assert scene.is_kept()
        daemon.kill()
        daemon.wait()

        assert not scene.is_kept()
        assert scene.is_kept()


def test_a_process_that_took_a_dead_owners_pid_is_another_owner(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sleeping() as daemon:
        scene.lock(daemon.pid)
        scene.read()
        assert scene.is_kept()

        monkeypatch.setattr("millracer.millrace.status_sources.start_time", lambda _process: 1.0)

        assert not scene.is_kept()


def test_a_change_while_millrace_reads_is_not_cached(scene: Scene) -> None:
    scene.meanwhile = lambda: scene.write("tasks/queue/task-2.md", "")
    scene.read()
    scene.meanwhile = None

    assert not scene.is_kept()
    assert scene.is_kept()


def test_what_changed_just_now_may_change_again_unseen_and_is_not_kept(scene: Scene) -> None:
    scene.ahead_ns = 0
    scene.write("millrace.toml", "mode = 2")
    scene.read()
    assert not scene.is_kept()

    scene.ahead_ns = _LATER_NS

    assert not scene.is_kept()
    assert scene.is_kept()


def test_a_clock_of_whole_seconds_needs_more_than_a_second(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millracer.millrace.files.state._SECOND_NS", 1)
    scene.ahead_ns = 1_500_000_000
    scene.write("millrace.toml", "mode = 2")
    monkeypatch.setattr("millracer.millrace.files.state._COARSE_TICK_NS", 10_000_000_000)
    scene.read()

    assert not scene.is_kept()


def test_a_link_is_followed_to_a_file_and_never_to_a_folder(scene: Scene) -> None:
    target = scene.folder / "shared.toml"
    target.write_text("1", encoding="utf-8")
    link = scene.agents / "shared.toml"
    link.symlink_to(target)
    scene.read()
    assert scene.is_kept()

    target.write_text("2", encoding="utf-8")
    assert not scene.is_kept()
    assert scene.is_kept()

    target.unlink()
    assert not scene.is_kept()
    assert scene.is_kept()

    link.unlink()
    link.symlink_to(scene.folder)
    assert not scene.is_kept()
    assert not scene.is_kept()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("state/runtime_snapshot.json", "[]"),
        ("state/runtime_daemon.lock.json", '{"owner_pid": 1}'),
    ],
)
def test_an_answer_that_cannot_be_verified_is_read_each_time(
    scene: Scene, name: str, text: str
) -> None:
    scene.write(name, text)
    raw = [scene.read().unchanged_since_read for _ in range(3)]

    assert raw == [False, False, False]
    assert scene.asked == 3


def test_a_millrace_whose_files_do_not_identify_it_is_asked_each_time(scene: Scene) -> None:
    scene.argv = ("python3", *scene.argv)

    assert [scene.read().unchanged_since_read for _ in range(3)] == [False, False, False]


def test_an_answer_is_not_kept_for_ever(scene: Scene) -> None:
    scene.read()
    scene.now += LONGEST_KEPT_SECONDS

    assert not scene.is_kept()
    assert scene.is_kept()


def test_each_workspace_and_each_program_has_its_own_answer(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Scene(tmp_path / "other")
    other.kept = scene.kept
    scene.read()

    assert not other.is_kept()
    assert other.is_kept()
    assert scene.is_kept()

    scene.argv = other.argv

    assert not scene.is_kept()


def test_a_failure_is_not_kept(scene: Scene) -> None:
    scene.read()
    scene.write("millrace.toml", "mode = 2")
    tries: list[str] = []

    def fail(_wait: Wait) -> RuntimeStatus:
        tries.append("asked")
        raise ToolFailed("millrace", "it is broken")

    for _ in range(2):
        with pytest.raises(ToolFailed):
            scene.kept.read(scene.calls, fail, Wait.for_seconds(30))

    assert len(tries) == 2
    assert not scene.is_kept()


class Gate:
    """A Millrace that answers once it is let."""

    def __init__(self) -> None:
        self.asked: list[Wait] = []
        self.open = threading.Event()

    def ask(self, wait: Wait) -> RuntimeStatus:
        self.asked.append(wait)
        assert self.open.wait(30)
        return status({})


def test_a_caller_that_joins_a_read_repeats_it_only_if_that_started_before(
    scene: Scene,
) -> None:
    gate = Gate()
    kept = StatusCache()
    scene.write("millrace.toml", "too fresh to be kept")
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(kept.read, scene.calls, gate.ask, Wait.for_seconds(30))]
        wait_until(lambda: len(gate.asked) == 1, "the first asks")
        waiting += [
            pool.submit(kept.read, scene.calls, gate.ask, Wait.for_seconds(30)) for _ in range(4)
        ]
        wait_until(pool._work_queue.empty, "the others wait")
        gate.open.set()
        found = [each.result() for each in waiting]

    # The first began before the others came; one of these asks for all of them.
    assert len(gate.asked) == 2
    assert [each.unchanged_since_read for each in found] == [False] * 5


def test_who_waits_for_another_can_be_cancelled_and_runs_out_of_time(scene: Scene) -> None:
    gate = Gate()
    kept = StatusCache()
    cancelled = Cancellation()
    cancelled.cancel(CancelReason.TERMINATED)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.read, scene.calls, gate.ask, Wait.for_seconds(30))
        wait_until(lambda: len(gate.asked) == 1, "the first asks")
        with pytest.raises(Cancelled):
            kept.read(scene.calls, gate.ask, Wait.for_seconds(30, cancelled))
        with pytest.raises(ToolTimeout):
            kept.read(scene.calls, gate.ask, Wait.for_seconds(0))
        gate.open.set()
        first.result()

    assert len(gate.asked) == 1


def test_workspaces_are_asked_side_by_side_but_not_all_at_once(tmp_path: Path) -> None:
    gate = Gate()
    kept = StatusCache(at_once=2)
    scenes = []
    for name in "abc":
        (tmp_path / name).mkdir()
        scenes.append(Scene(tmp_path / name))
    with ThreadPoolExecutor(3) as pool:
        waiting = [
            pool.submit(kept.read, each.calls, gate.ask, Wait.for_seconds(30)) for each in scenes
        ]
        wait_until(lambda: len(gate.asked) == 2, "two ask")
        gate.open.set()
        for each in waiting:
            each.result()

    assert len(gate.asked) == 3


def test_workspaces_whose_millrace_hangs_do_not_hold_the_others(tmp_path: Path) -> None:
    gate, now = Gate(), [0.0]
    kept = StatusCache(at_once=2, monotonic=lambda: now[0])
    scenes = []
    for name in "abc":
        (tmp_path / name).mkdir()
        scenes.append(Scene(tmp_path / name))
    with ThreadPoolExecutor(3) as pool:
        hung = [
            pool.submit(kept.read, each.calls, gate.ask, Wait.for_seconds(30))
            for each in scenes[:2]
        ]
        wait_until(lambda: len(gate.asked) == 2, "two hang")
        try:
            with pytest.raises(ToolTimeout):
                kept.read(scenes[2].calls, lambda _: status({}), Wait.for_seconds(0))
            now[0] += 10
            other = kept.read(scenes[2].calls, lambda _: status({}), Wait.for_seconds(30))
        finally:
            gate.open.set()
        for each in hung:
            each.result()

    assert other.unchanged_since_read is False


def _move(scene: Scene, number: int) -> None:
    here, there = scene.agents / "tasks" / "queue", scene.agents / "tasks" / "active"
    source = here if number % 2 else there
    for path in sorted(source.iterdir())[:1]:
        path.rename((there if number % 2 else here) / path.name)


MOVES: dict[str, Callable[[Scene, int], object]] = {
    "ask": lambda scene, _number: scene.is_kept(),
    "write": lambda scene, number: scene.write(f"tasks/queue/{number}.md", str(time.time_ns())),
    "same size": lambda scene, number: scene.write("millrace.toml", f"mode = {number}"),
    "move": _move,
    "lock": lambda scene, number: scene.lock(os.getpid() if number % 2 else 4_000_000 + number),
    "unlock": lambda scene, _number: (scene.agents / "state/runtime_daemon.lock.json").unlink(
        missing_ok=True
    ),
    "result": lambda scene, number: scene.write(f"runs/run-1/stage_results/{number}.json", "x"),
}


@settings(max_examples=60)
@given(
    ahead_ns=st.sampled_from([0, 50_000_000, _LATER_NS]),
    moves=st.lists(
        st.tuples(st.sampled_from(["ask", "ask", *MOVES]), st.integers(0, 5)), max_size=25
    ),
)
def test_no_order_of_changes_and_questions_gives_an_answer_that_is_not_true(
    ahead_ns: int, moves: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), ahead_ns=ahead_ns)
        for name, number in moves:
            MOVES[name](scene, number)  # `is_kept` compares with the truth
        scene.is_kept()
