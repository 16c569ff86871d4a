"""Delegated runs in odd surroundings: no room, no permission, hard names, a directory that goes."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.cli import FORCED, Millracer, Ran, stored, wait_until
from tests.support.disks import read_only, small_disk
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

CHILDREN = Path(__file__).parents[1] / "children"
FILLING = CHILDREN / "filling_millrace.py"
CLOCK = CHILDREN / "clock_set_back.c"
FILLER = "filler"
TASK = "Grüße an 漢字 ☃\u2028 und 'alle' \"anderen\""
LONG_TASK = "A line of a long task\n" * 3000
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
LATIN = {"PYTHONIOENCODING": "latin-1"}
SLOW_BUILD = Scenario({"builder": (Step(seconds=3),)})

Prepare = Callable[..., Millracer]


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Prepare:
    """Prepare a workspace whose stages play a scenario."""

    def build(scenario: Scenario | None = None, *, path: Path | None = None) -> Millracer:
        workspace = make_workspace(path or tmp_path / "workspace", millrace_command, scenario)
        return Millracer(workspace, millrace_command)

    return build


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Let what is started meanwhile write no larger file, unless it lifts that limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def filling(millrace: str, disk: Path, command: str, *, free: int = 0) -> str:
    """Return a Millrace that fills the disk just before one of its commands."""
    words = (sys.executable, str(FILLING), str(disk), str(free), command, millrace)
    return shlex.join(words)


def built(source: Path, library: Path) -> Path:
    """Compile a library to preload; skip the test where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler, and the machine's own clock is not for tests to set")
    subprocess.run((compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"), check=True)
    return library


def assert_failed(ran: Ran, code: str, *, because: str) -> None:
    """The run failed with one error that says why and what to do."""
    assert (ran.exit_code, ran.result["outcome"]) == (8, "failed"), ran.stderr
    (error,) = ran.result["errors"]
    assert error["code"] == code
    assert because in error["message"]
    assert error["suggested_action"]
    assert "Traceback" not in ran.stderr
    assert ran.result["scoped_completion"] is False


def assert_completed(ran: Ran) -> None:
    """The run ended with the proof of its own item."""
    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert ran.result["scoped_completion"] is True


def written(workspace: Workspace) -> list[str]:
    """Return the names of the files in Millracer's folder of intake documents."""
    return sorted(path.name for path in (workspace.root / ".millracer" / "intake").iterdir())


def test_a_document_that_finds_no_room_leaves_nothing_half_written(prepare: Prepare) -> None:
    millracer = prepare()
    lift = 'ulimit -S -f unlimited; exec "$0" "$@"'
    millracer.millrace = shlex.join(("sh", "-c", lift, millracer.millrace))

    with no_file_over(32_768):
        running = millracer.start(*FORCED, LONG_TASK)
    ran = running.finish()

    assert_failed(ran, "workspace_unusable", because="File too large")
    assert written(millracer.workspace) == []
    assert not list((millracer.workspace.agents / "tasks").rglob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 8192])
def test_an_add_on_a_full_disk_is_done_once_by_the_same_command_again(
    prepare: Prepare, disk: Path, free: int
) -> None:
    millracer = prepare(path=disk / "workspace")
    real = millracer.millrace
    millracer.millrace = filling(real, disk, "queue add-task", free=free)

    full = millracer.delegate(LONG_TASK, "--request-id", "one")

    assert_failed(full, "millrace_failed", because="No space left on device")
    assert stored(millracer.workspace, full.result["work_item_id"]) is None
    (disk / FILLER).unlink()
    millracer.millrace = real
    again = millracer.delegate(LONG_TASK, "--request-id", "one")
    assert_completed(again)
    assert again.result["work_item_id"] == full.result["work_item_id"]
    assert millracer.workspace.stages() == ["builder", "checker", "updater"]


@pytest.mark.parametrize("locale", [ASCII, pytest.param(LATIN, marks=pytest.mark.slow)])
def test_a_task_goes_through_whole_whatever_the_locale_and_behind_a_hard_name(
    tmp_path: Path, prepare: Prepare, locale: dict[str, str]
) -> None:
    millracer = prepare(path=tmp_path / '-ü ☃ it\'s "$(x)"')
    link = tmp_path / "a link"
    link.symlink_to(millracer.workspace.root)
    millracer.environment = locale

    ran = millracer.delegate(TASK, "--workspace", str(link))

    assert_completed(ran)
    assert ran.result["event"]["workspace"] == str(millracer.workspace.root)
    intake = millracer.workspace.root / ".millracer" / "intake"
    (request,) = intake.glob("*.request.txt")
    assert request.read_text(encoding="utf-8") == TASK


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "because"),
    [
        ("compile validate", "millrace_failed", "No space left on device"),
        ("run daemon", "workspace_unusable", "No space left"),
    ],
)
def test_a_disk_that_gets_full_on_the_way_loses_nothing(
    prepare: Prepare, disk: Path, command: str, code: str, because: str
) -> None:
    millracer = prepare(path=disk / "workspace")
    real = millracer.millrace
    millracer.millrace = filling(real, disk, command)

    full = millracer.delegate("Fill it", "--request-id", "one")

    assert_failed(full, code, because=because)
    (disk / FILLER).unlink()
    millracer.millrace = real
    assert_completed(millracer.delegate("Fill it", "--request-id", "one"))
    assert millracer.workspace.stages() == ["builder", "checker", "updater"]


@pytest.mark.slow
def test_a_disk_that_gets_full_while_the_daemon_works_loses_nothing(
    prepare: Prepare, disk: Path
) -> None:
    millracer = prepare(SLOW_BUILD, path=disk / "workspace")

    running = millracer.start(*FORCED, "--request-id", "one", "Fill it")
    wait_until(lambda: bool(millracer.workspace.calls()), "the builder begins")
    with (disk / FILLER).open("wb", buffering=0) as filler:
        while shutil.disk_usage(disk).free:
            filler.write(bytes(shutil.disk_usage(disk).free))
    full = running.finish()

    assert full.exit_code != 0, full.stderr
    assert full.result["scoped_completion"] is False
    assert "Traceback" not in full.stderr
    (disk / FILLER).unlink()
    assert_completed(millracer.delegate("Fill it", "--request-id", "one"))


@pytest.mark.slow
def test_a_session_store_on_a_full_disk_is_a_warning(prepare: Prepare, disk: Path) -> None:
    millracer = prepare()
    millracer.environment = {"MILLRACER_STATE_DIR": str(disk / "state")}
    with (disk / FILLER).open("wb", buffering=0) as filler:
        filler.write(bytes(shutil.disk_usage(disk).free))

    ran = millracer.delegate("Remember it")

    assert_completed(ran)
    assert ran.warning_codes == ["session_store_unavailable"]
    assert "full" in ran.result["warnings"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "because"),
    [(".", "is not writable"), ("millrace-agents", "Read-only file system")],
)
def test_an_unwritable_workspace_is_reported_and_served_once_it_is_writable(
    prepare: Prepare, part: str, because: str
) -> None:
    millracer = prepare()
    with read_only(millracer.workspace.root / part):
        refused = millracer.delegate("Write it", "--request-id", "one")

    assert_failed(refused, "millrace_failed", because=because)
    assert_completed(millracer.delegate("Write it", "--request-id", "one"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_workspace_that_goes_while_the_daemon_works_fails_the_run(
    tmp_path: Path, prepare: Prepare, how: str
) -> None:
    millracer = prepare(SLOW_BUILD)
    root, away = millracer.workspace.root, tmp_path / "away"

    running = millracer.start(*FORCED, "Stay")
    wait_until(lambda: bool(millracer.workspace.calls()), "the builder begins")
    root.rename(away)
    if how == "deleted":
        shutil.rmtree(away)
    ran = running.finish()

    assert_failed(ran, "millrace_failed", because="is not initialized")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two words", "'\"", "-dash", "--", "$(touch x);`id`&|", "a\nb"])
def test_every_name_of_a_workspace_will_do(tmp_path: Path, prepare: Prepare, name: str) -> None:
    millracer = prepare(path=tmp_path / name)

    assert_completed(millracer.delegate("Go there"))


@pytest.mark.slow
def test_files_from_the_future_change_nothing(prepare: Prepare) -> None:
    millracer = prepare()
    assert_completed(millracer.delegate("First", "--request-id", "one"))
    later = time.time() + 3600
    for path in millracer.workspace.root.rglob("*"):
        os.utime(path, (later, later), follow_symlinks=False)

    known = millracer.delegate("First", "--request-id", "one")
    new = millracer.delegate("Second", "--request-id", "two")

    assert_completed(known)
    assert known.warning_codes == ["already_completed"]
    assert_completed(new)


@pytest.mark.slow
def test_a_clock_that_is_set_back_during_the_run_loses_nothing(
    tmp_path: Path, prepare: Prepare
) -> None:
    millracer, back = prepare(SLOW_BUILD), tmp_path / "back"
    millracer.environment = {
        "LD_PRELOAD": str(built(CLOCK, tmp_path / "clock.so")),
        "CLOCK_SET_BACK": str(back),
    }

    running = millracer.start(*FORCED, "--request-id", "one", "Take your time")
    wait_until(lambda: bool(millracer.workspace.calls()), "the builder begins")
    back.touch()
    ran = running.finish()

    # The stage under way fails in Millrace, which then does it once more.
    assert_completed(ran)
    assert all(seconds >= 0 for seconds in ran.result["timings"].values())
    ended = datetime.fromisoformat(ran.result["event"]["at"])
    assert datetime.now(UTC) - ended > timedelta(minutes=59)
    again = millracer.delegate("Take your time", "--request-id", "one")
    assert_completed(again)
    assert again.warning_codes == ["already_completed"]


@pytest.mark.slow
def test_a_lost_result_is_printed_again(prepare: Prepare) -> None:
    millracer = prepare()
    script = 'exec "$@" >/dev/full'
    command = (
        *(sys.executable, "-m", "millracer", "run", "--output", "json"),
        *("--workspace", str(millracer.workspace.root), "--millrace-command", millracer.millrace),
        *(*FORCED, "--request-id", "one", "Say it"),
    )

    lost = subprocess.run(
        ("bash", "-c", script, "bash", *command),  # noqa: S607 - the system's own
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=150,
        check=False,
    )

    assert lost.returncode == 8
    assert b"the result was not printed" in lost.stderr
    again = millracer.delegate("Say it", "--request-id", "one")
    assert_completed(again)
    assert again.warning_codes == ["already_completed"]
