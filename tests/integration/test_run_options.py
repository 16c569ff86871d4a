"""What options and environment of `millracer run` become, without running anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from millracer.cli import app
from millracer.cli.commands.run import task as run_task
from millracer.cli.task_input import prepare
from millracer.cli.task_request import TaskInput
from millracer.domain.requests import PiSession
from millracer.operations.session.memory import SessionMemory
from tests.fakes.store import InMemorySessionStore

Read = Callable[..., TaskInput]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads a command line and an environment."""

    def read_line(*arguments: str, environment: Mapping[str, str] | None = None) -> TaskInput:
        found: list[TaskInput] = []

        def keep(options: TaskInput, **_others: object) -> int:
            found.append(options)
            return 0

        monkeypatch.setattr(run_task, "run_task", keep)
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        assert app.invoke(("run", "--workspace", str(tmp_path), *arguments, "the task")) == 0
        return found[0]

    return read_line


def notifies(options: TaskInput) -> bool:
    memory = SessionMemory(InMemorySessionStore())
    return prepare(options, "run-1", memory).request.notify_terminal_stages


def test_pi_is_one_conversation_that_hears_of_stages_by_default(read: Read) -> None:
    options = read()

    assert options.common.options.anywhere.options.pi_session is PiSession.RPC
    assert notifies(options)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--pi-session", "print"), {}),
        ((), {"MILLRACER_PI_SESSION": "print"}),
    ],
)
def test_a_process_per_turn_has_no_conversation_for_stages(
    read: Read, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    options = read(*arguments, "--notify-terminal-stages", environment=environment)

    assert options.common.options.anywhere.options.pi_session is PiSession.PRINT
    assert not notifies(options)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--no-notify-terminal-stages",), {}),
        ((), {"MILLRACER_NOTIFY_TERMINAL_STAGES": "false"}),
    ],
)
def test_notifications_can_be_switched_off(
    read: Read, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    assert not notifies(read(*arguments, environment=environment))


@pytest.mark.parametrize(
    ("said", "mode", "session_mode"),
    [((), None, "lad_pi"), (("--millrace-mode", "other"), "other", None)],
)
def test_the_mode_of_a_file_gives_way_to_every_callers(
    read: Read, tmp_path: Path, said: tuple[str, ...], mode: str | None, session_mode: str | None
) -> None:
    (tmp_path / "millracer.toml").write_text('millrace_mode = "lad_pi"')

    memory = SessionMemory(InMemorySessionStore())
    request = prepare(read(*said), "run-1", memory).request

    assert (request.mode, request.session_mode) == (mode, session_mode)
