"""What every test gets: a clean environment, the real tools, and a check that nothing runs on."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import settings

from millracer.cancellation import Wait
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.commands.version import find_version
from millracer.pi import install
from millracer.pi.install import Version
from millracer.redaction import process as secrets
from millracer.system.linux import PORTABLE_VARIABLE
from tests.support.environment import is_scrubbed

if TYPE_CHECKING:  # only the tests of the fleet need PostgreSQL
    from tests.support.postgres import PostgresServer

#: Set for each test and inherited by all it starts, so that what it leaves behind is found.
_RUN_VARIABLE = "MILLRACER_TEST_RUN"
_LEFTOVER_GRACE_SECONDS = 3.0
_VERSION_SECONDS = 60.0
_NO_HOME = Path("/no-such-home")
_TOOLS = frozenset({"millrace_command", "pi_command"})
_PROCESS_FOLDERS = {"acceptance", "integration", "conformance", "docs"}

_LINUX, _PORTABLE = "linux", "portable"
#: Removed where the Linux calls are off, so that code that still uses one fails.
_LINUX_CALLS = (
    (os, "pidfd_open"),
    (signal, "sigwaitinfo"),
    (time, "CLOCK_BOOTTIME"),
)

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=25, database=None)
settings.register_profile("nightly", deadline=None, max_examples=500, print_blob=True)
settings.register_profile("fast", derandomize=True, deadline=None, max_examples=10, database=None)
settings.register_profile("dev", deadline=None, max_examples=25)
settings.load_profile("dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-docs",
        action="store_true",
        help="write generated documents anew instead of comparing them",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _runs_at_night(item):
            item.add_marker(pytest.mark.slow)
        slow_page = "docs" in _folders(item) and item.get_closest_marker("slow")
        if "acceptance" in _folders(item) or slow_page:
            item.add_marker(pytest.mark.acceptance)
        if isinstance(item, pytest.Function) and "pi_command" in item.fixturenames:
            item.add_marker(pytest.mark.pi)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests marked `portable` a second time with the Linux calls off."""
    marked = metafunc.definition.get_closest_marker
    if marked(_PORTABLE) and not marked(_LINUX):
        metafunc.parametrize("system_calls", [_LINUX, _PORTABLE], indirect=True)


@pytest.fixture(autouse=True)
def system_calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which system calls the product uses here: `linux` or `portable`."""
    calls: str = getattr(request, "param", _LINUX)
    if calls == _PORTABLE:
        monkeypatch.setenv(PORTABLE_VARIABLE, "1")
        for module, name in _LINUX_CALLS:
            monkeypatch.delattr(module, name)
    else:
        monkeypatch.delenv(PORTABLE_VARIABLE, raising=False)
    return calls


def _runs_at_night(item: pytest.Item) -> bool:
    """Whether a test runs a real tool from end to end, and is not chosen for `make test`."""
    if "acceptance" not in _folders(item) or item.get_closest_marker("ending"):
        return False
    return not _TOOLS.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture
def update_docs(request: pytest.FixtureRequest) -> bool:
    """Whether a test of a generated document shall write it."""
    return bool(request.config.getoption("--update-docs"))


@pytest.fixture(scope="session")
def millrace_command() -> str:
    """The real `millrace` to test against."""
    return _tool("MILLRACER_TEST_MILLRACE")


@pytest.fixture(scope="session")
def pi_command() -> str:
    """The real `pi` to test against."""
    return _tool("MILLRACER_TEST_PI")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server for all tests of this process."""
    from tests.support.postgres import private_server  # noqa: PLC0415 - see above

    with private_server() as server:
        yield server


@pytest.fixture(scope="session")
def millrace_version(millrace_command: str) -> Version:
    """The version of that Millrace, for tests of what Millrace itself does differently."""
    here = Path.cwd()
    calls = MillraceCalls(argv=(millrace_command,), workspace=here, cwd=here)
    found = find_version(calls, Wait.for_seconds(_VERSION_SECONDS))
    return install.parse_version(found.version)


@pytest.fixture(scope="session")
def pi_version(pi_command: str) -> Version:
    """The version of that pi, for tests of what pi itself does differently."""
    wait = Wait.for_seconds(_VERSION_SECONDS)
    printed = install.read_version((pi_command,), cwd=Path.cwd(), env=os.environ, wait=wait)
    return install.parse_version(printed)


@pytest.fixture(autouse=True)
def clean_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take the caller's settings out of the environment; returns the test's empty home.

    The home of a unit test, which uses no file, is not there.
    """
    for name in list(os.environ):
        if is_scrubbed(name):
            monkeypatch.delenv(name)
    home = _NO_HOME if "unit" in _folders(request.node) else _new_home(request)
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    monkeypatch.setenv(_RUN_VARIABLE, uuid.uuid4().hex)
    return home


@pytest.fixture(autouse=True)
def no_secrets_of_others() -> Iterator[None]:
    """Read the test's own environment for secrets, and forget afterwards what it added."""
    known, secrets._redaction = set(secrets._variables), None
    yield
    secrets._variables.intersection_update(known)
    secrets._redaction = None


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest, clean_environment: Path) -> Iterator[None]:
    """Fail a test that leaves a process behind, and end that process by its id."""
    del clean_environment  # only its order matters: the variable is set before the test starts
    directory = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if _folders(request.node).isdisjoint(_PROCESS_FOLDERS):
        return
    leftovers = _leftovers(os.environ[_RUN_VARIABLE], directory)
    _, alive = psutil.wait_procs(leftovers, timeout=_LEFTOVER_GRACE_SECONDS)
    described = [_describe(process) for process in alive]
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=_LEFTOVER_GRACE_SECONDS)
    if described:
        pytest.fail("the test left processes running:\n" + "\n".join(described))


def _new_home(request: pytest.FixtureRequest) -> Path:
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return factory.mktemp("home")


def _folders(item: pytest.Item) -> set[str]:
    return set(item.path.relative_to(Path(__file__).parent).parts[:-1])


def _tool(variable: str) -> str:
    command = os.environ.get(variable)
    if not command:
        pytest.fail(f"{variable} must name the executable to test against; `make test` sets it")
    if not os.access(command, os.X_OK):
        pytest.fail(f"{variable} names {command}, which is not an executable file")
    return command


def _leftovers(run: str, directory: Path | None) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            inside = directory is not None and Path(process.cwd()).is_relative_to(directory)
            if inside or process.environ().get(_RUN_VARIABLE) == run:
                found.append(process)
    return found


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"{process.pid}: (gone)"
