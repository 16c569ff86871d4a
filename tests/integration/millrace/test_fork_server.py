"""A warm Millrace against plain processes, with a fake install."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.errors import ToolFailed, ToolTimeout
from millracer.millrace.commands.install import find_install
from millracer.millrace.daemon.ownership import is_daemon_command
from millracer.millrace.fork_server import client
from millracer.millrace.fork_server import runner as warm_millrace
from millracer.millrace.fork_server.client import WarmUnusable
from millracer.millrace.fork_server.runner import ForkServerRunner
from millracer.system import process_table, processes
from millracer.system.process_table import TOKEN_VARIABLE
from millracer.system.processes import Command, Completed
from tests.support.cli import wait_until
from tests.support.fake_install import FakeInstall, with_env

pytestmark = pytest.mark.portable

_T = TypeVar("_T")

_SERVER = "fork_server/server.py"
_WRAPPER = '#!/bin/sh\nexec "{python}" -m millrace_ai.cli "$@"\n'
_ELSEWHERE = "[console_scripts]\nmillrace = elsewhere.cli:main\n"
_IMPORTS_ELSEWHERE = "#!{python}\nfrom elsewhere.cli import main\nmain()\n"
_OTHER_IMPORT = "#!{python}\nimport sys, millrace_ai.cli as cli\nsys.exit(cli.main())\n"


@pytest.fixture
def install(tmp_path: Path) -> FakeInstall:
    return FakeInstall.at(tmp_path / "venv")


@pytest.fixture
def runner(install: FakeInstall) -> Iterator[ForkServerRunner]:
    runner = ForkServerRunner()
    runner.warm_up(install.command())
    yield runner
    runner.close()


def wait() -> Wait:
    return Wait.for_seconds(30)


def facts(completed: Completed) -> dict[str, Any]:
    assert completed.exit_code == 0, completed.stderr
    said: dict[str, Any] = json.loads(completed.stdout)
    return said


def is_warm(runner: ForkServerRunner, command: Command) -> bool:
    return not facts(runner.run(command, wait()))["imported_here"]


def servers(parent: int | None = None) -> list[psutil.Process]:
    """Return the warm processes of this process, or of another process of the test's."""
    found = []
    for each in psutil.Process(parent).children(recursive=True):
        try:
            # Without the Linux calls, a forked command shows the command line of its server.
            if _is_server(each) and not _is_server(each.parent()):
                found.append(each)
        except psutil.Error:
            continue
    return found


def _is_server(process: psutil.Process | None) -> bool:
    return process is not None and any(word.endswith(_SERVER) for word in process.cmdline())


def server() -> psutil.Process:
    (found,) = servers()
    return found


def opened_by(pid: int) -> set[str]:
    opened = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.add(str(each.readlink()))
    return opened


@pytest.mark.parametrize(
    "arguments",
    [
        ("both",),
        ("much",),
        ("raise",),
        ("interrupt",),
        ("return-text",),
        ("exit", "7"),
        ("exit", "-1"),
        ("exit", "300"),
        ("exit", str(2**40)),
        ("die", "9"),
        ("die", "15"),
        ("raw",),
        ("at-exit",),
        ("hook",),
        (),
    ],
)
def test_a_warm_command_ends_and_says_the_same_as_a_plain_one(
    runner: ForkServerRunner, install: FakeInstall, arguments: tuple[str, ...]
) -> None:
    assert is_warm(runner, install.command("report"))
    plain = processes.run(install.command(*arguments), wait())
    warm = runner.run(install.command(*arguments), wait())

    assert replace(warm, elapsed_seconds=0.0) == replace(plain, elapsed_seconds=0.0)
    assert is_warm(runner, install.command("report"))


@pytest.mark.parametrize("env", [{}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONSAFEPATH": "1"}])
def test_a_warm_command_knows_the_same_of_itself(
    install: FakeInstall, env: dict[str, str], system_calls: str
) -> None:
    command = install.command("report", "ä", "\udcff", "", "a b", **env)
    plain = facts(processes.run(command, wait()))
    runner = ForkServerRunner()
    runner.warm_up(install.command(**env))
    try:
        warm = facts(runner.run(command, wait()))
    finally:
        runner.close()

    assert (plain.pop("imported_here"), warm.pop("imported_here")) == (True, False)
    if system_calls == "portable":  # only Linux lets a process change these
        for shown in ("command_line", "name"):
            assert plain.pop(shown) != warm.pop(shown)
    assert warm == plain


def test_a_command_inherits_what_it_is_given_and_no_more(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as lock:
        plain = facts(processes.run(install.command("report"), wait()))
        command = replace(install.command("report"), pass_fds=(lock.fileno(),))
        warm = facts(runner.run(command, wait()))

    opened = [
        target for _, target in warm["opened"] if target not in dict(plain["opened"]).values()
    ]
    assert opened == [str(tmp_path / "lock")]


def test_a_command_that_outlives_its_caller_holds_the_lock_it_inherited(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as lock, (tmp_path / "lock").open("w") as other:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = replace(install.command("sleep", "60"), pass_fds=(lock.fileno(),))
        pid = runner.spawn_detached(command, 1, wait())
        lock.close()
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        processes.end_group(pid, grace_seconds=1)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_each_warm_command_has_its_own_trace(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    def trace(**env: str) -> dict[str, str]:
        reported = facts(runner.run(install.command("report", **env), wait()))
        assert not reported["imported_here"]
        variables: dict[str, str] = reported["environment"]
        return {name: each for name, each in variables.items() if name.startswith("TRACE")}

    assert is_warm(runner, install.command("report"))
    assert trace(TRACEPARENT="one", TRACESTATE="a=1") == {"TRACEPARENT": "one", "TRACESTATE": "a=1"}
    assert trace(TRACEPARENT="two") == {"TRACEPARENT": "two"}
    assert trace() == {}


def test_a_command_blocks_no_signal_and_its_caller_blocks_what_it_did(
    install: FakeInstall,
) -> None:
    blocked = {signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1}

    def ask() -> tuple[list[dict[str, Any]], set[int]]:
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        runner = ForkServerRunner()
        plain = facts(runner.run(install.command("report"), wait()))
        runner.warm_up(install.command())
        try:
            warm = facts(runner.run(install.command("report"), wait()))
        finally:
            runner.close()
        return [plain, warm], set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    with ThreadPoolExecutor(1) as foreign:
        reported, kept = foreign.submit(ask).result()

    assert [each["imported_here"] for each in reported] == [True, False]
    assert [each["mask"] for each in reported] == [[], []]
    assert kept == blocked


def test_it_serves_on_when_the_thread_that_warmed_it_up_has_ended(install: FakeInstall) -> None:
    runner = ForkServerRunner()
    thread = threading.Thread(target=runner.warm_up, args=(install.command(),))
    thread.start()
    thread.join()
    try:
        assert is_warm(runner, install.command("report"))
        assert is_warm(runner, install.command("report"))
    finally:
        runner.close()


def test_a_command_without_a_directory_fails_as_a_plain_one(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    with pytest.raises(ToolFailed, match="none"):
        runner.run(replace(install.command("both"), cwd=tmp_path / "none"), wait())
    assert is_warm(runner, install.command("report"))


# time and cancellation


def test_a_command_out_of_time_is_ended_with_its_group(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    with pytest.raises(ToolTimeout, match="sleep 60"):
        runner.run(install.command("sleep", "60"), Wait.for_seconds(2))

    wait_until(lambda: server().children(recursive=True) == [], "the command is gone")
    assert is_warm(runner, install.command("report"))


def test_a_cancelled_command_is_ended_with_its_group(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    cancellation = Cancellation()
    timer = threading.Timer(0.5, cancellation.cancel, (CancelReason.INTERRUPTED,))
    timer.start()
    with pytest.raises(Cancelled):
        runner.run(install.command("sleep", "60"), Wait.for_seconds(30, cancellation))

    wait_until(lambda: server().children(recursive=True) == [], "the command is gone")


def test_waiting_for_the_import_can_be_cancelled(install: FakeInstall) -> None:
    runner = ForkServerRunner()
    runner.warm_up(install.command(FAKE_IMPORT="hang"))
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)
    try:
        with pytest.raises(Cancelled):
            runner.run(install.command("both", FAKE_IMPORT="hang"), Wait(cancellation))
    finally:
        runner.close()


def test_a_process_that_hangs_does_not_hold_who_is_cancelled(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    assert is_warm(runner, install.command("report"))
    marks = tmp_path / "marks"
    cancellation = Cancellation()
    hung = server()
    hung.suspend()
    timer = threading.Timer(0.5, cancellation.cancel, (CancelReason.INTERRUPTED,))
    timer.start()
    with pytest.raises(Cancelled):
        runner.run(install.command("once", str(marks)), Wait.for_seconds(30, cancellation))

    hung.resume()
    assert is_warm(runner, install.command("report"))
    wait_until(lambda: hung.children(recursive=True) == [], "the child is gone")
    assert not marks.exists()


# many threads


def together(count: int, work: Callable[[int], _T]) -> list[Future[_T]]:
    """Do it in so many threads and wait for the ends."""
    with ThreadPoolExecutor(count) as pool:
        return [pool.submit(work, number) for number in range(count)]


def test_commands_of_many_threads_each_have_their_own_words_and_leave_nothing(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    threads, own_files, server_files = (
        threading.active_count(),
        opened_by(os.getpid()),
        server().num_fds(),
    )

    def ask(number: int) -> None:
        for turn in range(5):
            completed = runner.run(install.command("exit", str(number + turn)), wait())
            assert completed.exit_code == number + turn

    for done in together(64, ask):
        done.result()
    wait_until(lambda: server().children() == [], "everything is reaped")
    assert (threading.active_count(), opened_by(os.getpid())) == (threads, own_files)
    assert server().num_fds() == server_files


def test_one_that_is_cancelled_and_one_out_of_time_leave_the_others_alone(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    cancellation, go = Cancellation(), tmp_path / "go"

    def work(number: int) -> int:
        command = install.command("wait-for", str(go), str(tmp_path / str(number)))
        limits = {0: Wait.for_seconds(30, cancellation), 1: Wait.for_seconds(3)}
        return runner.run(command, limits.get(number, wait())).exit_code

    def disturb() -> None:
        wait_until(lambda: len(list(tmp_path.glob("?"))) == 6, "all run")
        cancellation.cancel(CancelReason.TERMINATED)
        wait_until(lambda: len(server().children()) == 4, "two were ended")
        go.touch()

    thread = threading.Thread(target=disturb)
    thread.start()
    cancelled, late, *others = together(6, work)
    thread.join()

    assert isinstance(cancelled.exception(), Cancelled)
    assert isinstance(late.exception(), ToolTimeout)
    assert [each.result() for each in others] == [0] * 4


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_when_the_process_goes_wrong_each_thread_ends_and_runs_again_its_own(
    runner: ForkServerRunner,
    install: FakeInstall,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: signal.Signals,
) -> None:
    monkeypatch.setattr(client, "_FORK_SECONDS", 1.0)
    daemon = runner.spawn_detached(install.command("sleep", "60"), 1, wait())

    def work(number: int) -> str:
        return runner.run(install.command("once", str(tmp_path / f"mark-{number}")), wait()).stdout

    def disturb() -> None:
        wait_until(lambda: len(list(tmp_path.glob("mark-*"))) == 8, "all run")
        server().send_signal(how)
        assert not is_warm(runner, install.command("report"))

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        assert [each.result() for each in together(8, work)] == ["time 2\n"] * 8
        thread.join()
        assert process_table.started_at(daemon) is not None
        for marks in tmp_path.glob("mark-*"):
            first, _ = marks.read_text().split()
            assert process_table.started_at(int(first)) is None
    finally:
        processes.end_group(daemon, grace_seconds=1)


def test_what_is_under_way_while_the_install_changes_ends_as_it_began(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    assert is_warm(runner, install.command("report"))
    before, go = server(), tmp_path / "go"

    def work(number: int) -> int:
        mark = str(tmp_path / f"mark-{number}")
        return runner.run(install.command("wait-for", str(go), mark), wait()).exit_code

    def upgrade() -> bool:
        wait_until(lambda: len(list(tmp_path.glob("mark-*"))) == 4, "all run")
        (install.metadata / "RECORD").write_text("another\n", encoding="utf-8")
        runner.run(install.command("both"), wait())
        is_new = is_warm(runner, install.command("report"))
        go.touch()
        return is_new

    with ThreadPoolExecutor(1) as pool:
        upgraded = pool.submit(upgrade)
        ended = [each.result() for each in together(4, work)]
        assert upgraded.result()
    assert ended == [0] * 4
    assert [each.read_text().count("\n") for each in tmp_path.glob("mark-*")] == [1] * 4
    assert not before.is_running()


# daemons


@pytest.fixture
def spawn(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> Iterator[Callable[..., psutil.Process]]:
    spawned = []

    def start(token: str, **env: str) -> psutil.Process:
        command = with_env(install.command("run", "daemon"), {TOKEN_VARIABLE: token, **env})
        with (tmp_path / "log").open("ab") as log:
            pid = runner.spawn_detached(command, log.fileno(), wait())
        spawned.append(psutil.Process(pid))
        return spawned[-1]

    yield start
    for each in spawned:
        if each.is_running():
            each.kill()


@pytest.mark.linux
def test_a_forked_daemon_is_seen_as_one_and_carries_its_own_token(
    install: FakeInstall, spawn: Callable[..., psutil.Process]
) -> None:
    token = processes.new_token()
    daemon = spawn(token)

    assert daemon.parent() == server()
    argv = process_table.command_line(daemon.pid)
    assert argv == (str(install.python), str(install.program), "run", "daemon")
    assert is_daemon_command(argv)
    assert (daemon.pid, argv) in list(process_table.command_lines())
    assert process_table.processes_with_token(token) == [daemon]
    assert daemon.name() == "millrace"


def test_each_daemon_has_its_own_token(spawn: Callable[..., psutil.Process]) -> None:
    tokens = [processes.new_token(), processes.new_token()]
    daemons = [spawn(token) for token in tokens]

    found = [[each] for each in daemons]
    wait_until(
        lambda: [process_table.processes_with_token(token) for token in tokens] == found,
        "each token is that of one daemon",
    )


def test_a_forked_daemon_lives_on_after_the_warm_process(
    runner: ForkServerRunner, spawn: Callable[..., psutil.Process], tmp_path: Path
) -> None:
    daemon = spawn(processes.new_token())
    warm = server()
    runner.close()

    assert not warm.is_running()
    assert daemon.is_running()
    assert daemon.ppid() != warm.pid
    assert os.getsid(daemon.pid) == daemon.pid
    allowed = {"/dev/null", str(tmp_path / "log")}
    wait_until(lambda: opened_by(daemon.pid) == allowed, "nothing else is open")
    wait_until(lambda: (tmp_path / "log").read_text() == "a daemon runs\n", "the daemon speaks")


def test_an_ended_daemon_is_not_a_zombie(spawn: Callable[..., psutil.Process]) -> None:
    daemon = spawn(processes.new_token())
    daemon.kill()

    wait_until(lambda: not psutil.pid_exists(daemon.pid), "the daemon is reaped")


def test_a_token_that_cannot_be_shown_makes_a_plain_daemon(
    runner: ForkServerRunner, install: FakeInstall, spawn: Callable[..., psutil.Process]
) -> None:
    assert is_warm(runner, install.command("report"))
    daemon = spawn("too-short")

    assert daemon.parent() == psutil.Process()
    wait_until(lambda: process_table.processes_with_token("too-short") == [daemon], "it executes")


def test_without_another_thread_commands_are_plain(
    install: FakeInstall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    runner = ForkServerRunner()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        runner.warm_up(install.command())

    assert not is_warm(runner, install.command("report"))


def test_an_install_whose_packages_cannot_be_listed_is_none(install: FakeInstall) -> None:
    shutil.rmtree(install.site)
    install.site.touch()

    assert find_install(install.command().argv, {}) is None


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the word that a child is there be lost, and return whose it was."""
    hear = client.WarmProcess._receive_started
    lost = []

    def lose(self: client.WarmProcess, answer: client._Answer, wait: Wait) -> int:
        lost.append(hear(self, answer, wait))
        raise WarmUnusable

    monkeypatch.setattr(client.WarmProcess, "_receive_started", lose)
    return lost


def test_a_command_whose_start_was_not_heard_of_never_begins(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path, unheard: list[int]
) -> None:
    marks = tmp_path / "marks"
    marks.write_text("0\n")
    completed = runner.run(install.command("once", str(marks)), wait())

    assert completed.stdout == "time 2\n"
    (lost,) = unheard
    wait_until(lambda: process_table.started_at(lost) is None, "the child has ended")
    assert len(marks.read_text().splitlines()) == 2


def test_a_daemon_whose_start_was_not_heard_of_never_begins(
    spawn: Callable[..., psutil.Process], unheard: list[int]
) -> None:
    token = processes.new_token()
    daemon = spawn(token)

    assert daemon.pid not in unheard
    wait_until(lambda: process_table.processes_with_token(token) == [daemon], "it executes, alone")


@pytest.mark.linux
def test_a_process_with_an_outer_token_is_left_alone(install: FakeInstall) -> None:
    outer = processes.new_token()
    bystander = subprocess.Popen(
        ("/bin/sleep", "60"),
        env={**os.environ, TOKEN_VARIABLE: outer},
        start_new_session=True,
    )
    runner = ForkServerRunner()
    runner.warm_up(install.command(**{TOKEN_VARIABLE: outer}))
    command = install.command("report", **{TOKEN_VARIABLE: outer})
    try:
        reported = facts(runner.run(command, wait()))
        assert not reported["imported_here"]
        assert reported["environment"][TOKEN_VARIABLE] == outer
        server().kill()
        assert facts(runner.run(command, wait()))["imported_here"]
        assert bystander.poll() is None
    finally:
        runner.close()
        bystander.kill()
        bystander.wait()


# falling back


@pytest.mark.parametrize(
    "shape",
    [
        {"script": _WRAPPER},
        {"script": _OTHER_IMPORT},
        {"entry_points": ""},
        {"entry_points": "[console_scripts]\nother = millrace_ai.cli:main\n"},
        {"entry_points": _ELSEWHERE},
        {"entry_points": _ELSEWHERE, "script": _IMPORTS_ELSEWHERE},
        {"entry_points": "no ini file"},
        {"version": "0.22.0"},
        {"version": "0.18.5"},
    ],
)
def test_what_is_not_plainly_a_supported_millrace_is_not_warmed(
    tmp_path: Path, shape: dict[str, str]
) -> None:
    install = FakeInstall.at(tmp_path / "venv", **shape)
    runner = ForkServerRunner()
    runner.warm_up(install.command())
    try:
        assert runner._warm is None  # a process would show a moment later only
    finally:
        runner.close()


@pytest.mark.parametrize("searched", ["somewhere", "/opt:", ":/opt"])
def test_imports_that_depend_on_the_directory_are_not_made_elsewhere(
    install: FakeInstall, searched: str
) -> None:
    runner = ForkServerRunner()
    runner.warm_up(install.command(PYTHONPATH=searched))
    assert runner._warm is None


def test_where_a_loaded_process_must_not_fork_commands_are_plain(
    install: FakeInstall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_millrace, "can_fork_loaded", lambda: False)
    runner = ForkServerRunner()
    runner.warm_up(install.command())
    assert runner._warm is None

    assert not is_warm(runner, install.command("report"))


def test_the_directory_of_who_comes_first_need_not_stay(
    install: FakeInstall, tmp_path: Path
) -> None:
    runner = ForkServerRunner()
    runner.warm_up(replace(install.command(), cwd=tmp_path / "gone"))
    try:
        assert is_warm(runner, install.command("report"))
    finally:
        runner.close()


def test_a_command_line_too_long_for_the_server_runs_without_it(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    assert not is_warm(runner, install.command("report", *["x" * 100_000] * 4))
    assert is_warm(runner, install.command("report"))


def test_a_program_behind_another_one_is_run_plainly(install: FakeInstall) -> None:
    runner = ForkServerRunner()
    program = replace(install.command(), argv=("env", str(install.program)))
    runner.warm_up(program)
    try:
        assert runner._warm is None  # a process would show a moment later only
        completed = runner.run(replace(program, argv=(*program.argv, "both")), wait())
        assert completed.exit_code == 3
    finally:
        runner.close()


@pytest.mark.parametrize("how", ["fail", "exit", "thread", "hang", "no-fork"])
def test_an_import_that_goes_wrong_leaves_plain_processes(
    install: FakeInstall, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_HUNG_SECONDS", 3.0)
    runner = ForkServerRunner()
    runner.warm_up(install.command(FAKE_IMPORT=how))
    try:
        assert not is_warm(runner, install.command("report", FAKE_IMPORT=how))
        if how != "no-fork":
            assert servers() == []
    finally:
        runner.close()


def test_an_import_that_went_wrong_is_not_tried_again(
    install: FakeInstall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_HUNG_SECONDS", 0.5)
    runner = ForkServerRunner()
    runner.warm_up(install.command(FAKE_IMPORT="hang"))
    try:
        assert not is_warm(runner, install.command("report", FAKE_IMPORT="hang"))
        runner.warm_up(install.command(FAKE_IMPORT="hang"))
        assert runner._warm is None
    finally:
        runner.close()


@pytest.mark.linux
def test_an_import_that_a_loaded_machine_makes_slow_is_waited_for(install: FakeInstall) -> None:
    runner = ForkServerRunner()
    runner.warm_up(install.command(FAKE_IMPORT="slow"))
    try:
        assert is_warm(runner, install.command("report", FAKE_IMPORT="slow"))
    finally:
        runner.close()


def test_a_late_import_is_used_by_the_commands_after_it(
    install: FakeInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_IMPORT_SECONDS", 0.5)
    go = tmp_path / "go"
    env = {"FAKE_IMPORT": "held", "FAKE_IMPORT_GO": str(go)}
    runner = ForkServerRunner()
    runner.warm_up(install.command(**env))
    try:
        assert not is_warm(runner, install.command("report", **env))
        started = server()
        go.touch()

        wait_until(lambda: is_warm(runner, install.command("report", **env)), "it is used")
        assert server() == started
    finally:
        runner.close()


def test_a_command_of_another_environment_is_run_plainly(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    assert not is_warm(runner, install.command("report", LC_ALL="C"))


def test_a_changed_install_is_imported_again(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    before = server()
    module = install.site / "millrace_ai" / "cli.py"
    module.write_text(module.read_text().replace("to stdout", "upgraded"), encoding="utf-8")
    (install.metadata / "RECORD").write_text("another\n", encoding="utf-8")

    first = runner.run(install.command("both"), wait())
    assert is_warm(runner, install.command("report"))
    second = runner.run(install.command("both"), wait())

    assert first.stdout == second.stdout == "upgraded: ä ☃\n"
    assert not before.is_running()


def test_a_removed_install_is_not_answered_from_memory(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    install.metadata.rename(install.site / "gone")

    assert not is_warm(runner, install.command("report"))
    assert servers() == []


def test_a_warm_process_that_was_killed_leaves_plain_processes(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    assert is_warm(runner, install.command("report"))
    server().kill()

    assert not is_warm(runner, install.command("report"))


def test_a_warm_process_killed_below_a_command_has_it_run_again_alone(
    runner: ForkServerRunner, install: FakeInstall, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    threading.Thread(
        target=lambda: (wait_until(marks.exists, "it runs"), server().kill()),
    ).start()
    completed = runner.run(install.command("once", str(marks)), wait())

    assert completed.stdout == "time 2\n"
    first, second = marks.read_text().split()
    assert process_table.started_at(int(first)) is None
    assert first != second


def test_a_warm_process_that_does_not_answer_is_given_up(
    runner: ForkServerRunner, install: FakeInstall, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_warm(runner, install.command("report"))
    monkeypatch.setattr(client, "_FORK_SECONDS", 0.3)
    server().suspend()

    assert not is_warm(runner, install.command("report"))
    assert servers() == []


def test_after_a_failed_warm_process_another_is_started_in_a_while(
    runner: ForkServerRunner, install: FakeInstall, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_warm(runner, install.command("report"))
    monkeypatch.setattr(warm_millrace, "_PAUSE_SECONDS", 0.0)
    server().kill()
    assert not is_warm(runner, install.command("report"))
    runner.warm_up(install.command())

    assert is_warm(runner, install.command("report"))


# its end


def test_a_closed_runner_leaves_nothing_and_runs_plainly(
    runner: ForkServerRunner, install: FakeInstall
) -> None:
    runner.warm_up(install.command())
    wait_until(lambda: len(servers()) == 1, "it was started")
    runner.close()
    runner.close()
    runner.warm_up(install.command())

    assert servers() == []
    assert not is_warm(runner, install.command("report"))


def test_one_that_is_closed_while_it_imports_is_gone(install: FakeInstall) -> None:
    runner = ForkServerRunner()
    runner.warm_up(install.command(FAKE_IMPORT="hang"))
    runner.close()

    assert servers() == []


_HOLDER = """
import sys, time
from pathlib import Path
from millracer.system.processes import Command
from millracer.millrace.fork_server.runner import ForkServerRunner
from millracer.cancellation import Wait
import os
runner = ForkServerRunner()
program = Command(tool="millrace", argv=(sys.argv[1],), cwd=Path.cwd(), env=dict(os.environ))
runner.warm_up(program)
if sys.argv[2:]:
    command = Command(tool="millrace", argv=(sys.argv[1], "both"), cwd=Path.cwd(), env=program.env)
    runner.run(command, Wait.for_seconds(30))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("when", ["importing", "idle"])
def test_it_dies_with_its_killed_parent(install: FakeInstall, when: str) -> None:
    env = {**os.environ, "FAKE_IMPORT": "hang" if when == "importing" else ""}
    used = () if when == "importing" else ("used",)
    with subprocess.Popen(
        (sys.executable, "-c", _HOLDER, str(install.program), *used),
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        wait_until(lambda: len(servers(holder.pid)) == 1, "it was started")
        (warm,) = servers(holder.pid)
        holder.send_signal(signal.SIGKILL)

    wait_until(lambda: process_table.started_at(warm.pid) is None, "it is gone")
