"""Which modules a command loads, read from a process of its own: what is loaded is waited for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_REPORT = """
import atexit, json, os, sys
atexit.register(lambda: os.write({descriptor}, json.dumps(sorted(sys.modules)).encode()))
sys.argv = ["millracer", *{arguments!r}]
from millracer.__main__ import main
main()
"""
_LIMIT_SECONDS = 60

#: Models, colours, the machine, the store, processes: nothing that a help text needs.
_HEAVY = frozenset(
    {"pydantic", "rich", "transitions", "sqlite3", "psutil", "platformdirs", "prompt_toolkit"}
)
#: The libraries of `millracer serve` and `millracer mcp`, which need not be installed.
_SERVES = frozenset({"starlette", "uvicorn", "anyio", "h11", "mcp", "mcp_types"})
#: The libraries of `millracer fleet`, which need not be installed.
_FLEET = frozenset({"dbos", "psycopg", "sqlalchemy"})
_RUNS_A_TASK = frozenset(
    {
        "transitions",
        "millracer.pi.rpc",
        "millracer.pi.one_shot",
        "millracer.run.orchestrator",
        "millracer.domain.run.lifecycle",
    }
)
_REPORTS_A_RUN = frozenset(
    {
        "millracer.operations.ops.run",
        "millracer.schemas.run.result",
        "millracer.domain.run.completion",
        "millracer.millrace.intake.documents",
        "millracer.domain.run.evidence",
        "millracer.domain.run.result",
    }
)
#: Models of an ops request, result or payload that an action on the store does not have.
_OTHER_MODELS = frozenset(
    {
        "millracer.schemas.ops.request_v03",
        "millracer.schemas.ops.result_v03",
        "millracer.schemas.ops.item_payloads",
        "millracer.schemas.ops.store_payloads",
        "millracer.schemas.run.document",
        "millracer.domain.operations.requests",
    }
)
_ANSWERS_OTHERS = frozenset(
    {"millracer.cli.commands.ops.jsonl_server", "millracer.operator.session"}
)
_CALLS_MILLRACE = frozenset(
    {
        "psutil",
        "millracer.millrace.backend",
        "millracer.system.processes",
        "millracer.millrace.fork_server.runner",
    }
)
#: Packages that a help text never needs.
_DOES_WORK = frozenset({"api", "fleet", "millrace", "operations", "operator", "pi", "run", "store"})
#: Loaded as a run begins, if it is configured.
_REPORTS_AN_END = frozenset(
    {"opentelemetry", "urllib.request", "millracer.notify", "millracer.tracing"}
)
_SHOWS_A_PERSON = frozenset({"rich", "prompt_toolkit", "millracer.operator.session"})


def _loaded_by(
    *arguments: str, request: object = None, environment: dict[str, str] | None = None
) -> set[str]:
    """Return what one command had loaded when it ended; None: in this environment."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as modules:
        try:
            subprocess.run(
                (sys.executable, "-c", _REPORT.format(descriptor=writer, arguments=arguments)),
                input=json.dumps(request).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(writer,),
                env=environment,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
        finally:
            os.close(writer)
        return set(json.loads(modules.read()))


def _loaded_with(statement: str) -> set[str]:
    """Return what one import had loaded."""
    report = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run(
        (sys.executable, "-c", report), capture_output=True, timeout=_LIMIT_SECONDS, check=True
    )
    return set(json.loads(printed.stdout))


def _layers(modules: set[str]) -> set[str]:
    return {name.split(".")[1] for name in modules if name.startswith("millracer.")}


def _request(action: str, **workspace: str) -> dict[str, object]:
    return {
        "schema_version": "millracer.ops.v0.2",
        "request_id": "r",
        "workspace_ref": workspace,
        "source": {"kind": "cli"},
        "action": action,
        "input": {"kind": "structured_action", "payload": {}},
    }


def test_the_package_alone_loads_nothing_of_the_library() -> None:
    loaded = _loaded_with("import millracer")

    assert {name for name in loaded if name.startswith("millracer")} == {"millracer"}
    assert loaded & (_HEAVY | _FLEET) == set()


def test_the_library_loads_no_command_line_and_no_tool_before_it_is_called() -> None:
    loaded = _loaded_with("from millracer import run_task, handle_request")

    assert "millracer.api" in loaded
    unneeded = _RUNS_A_TASK | _CALLS_MILLRACE | _ANSWERS_OTHERS | _SHOWS_A_PERSON
    assert loaded & (unneeded | {"typer", "sqlite3"}) == set()
    assert _layers(loaded).isdisjoint({"millrace", "pi", "store"})


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_loads_nothing_heavy(argument: str) -> None:
    loaded = _loaded_by(argument)

    assert "millracer.cli.app" in loaded
    assert loaded & (_HEAVY | _REPORTS_AN_END | _FLEET) == set()
    assert _layers(loaded).isdisjoint(_DOES_WORK)


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "ops",
        "sessions",
        "operator",
        "demo",
        "status",
        "submit",
        "watch",
        "stop",
        "serve",
        "mcp",
        "fleet",
    ],
)
def test_help_of_a_command_loads_no_more_than_typer_does(command: str) -> None:
    loaded = _loaded_by(command, "--help")

    assert "millracer.cli.app" in loaded
    assert loaded & _REPORTS_AN_END == set()
    assert loaded & _HEAVY <= {"pydantic"}  # typer reads the options before the command with it
    assert _layers(loaded).isdisjoint(_DOES_WORK | {"mcp", "serve"})
    assert loaded.isdisjoint(_SERVES | _FLEET)


@pytest.mark.parametrize("command", ["up", "down", "grant", "join", "doctor"])
def test_help_of_a_fleet_command_loads_no_library_of_it(command: str) -> None:
    loaded = _loaded_by("fleet", command, "--help")

    assert "millracer.cli.commands.fleet.frame" in loaded
    assert _layers(loaded).isdisjoint({"fleet", "store", "millrace", "pi", "run"})
    assert loaded.isdisjoint(_FLEET | {"sqlite3", "psutil"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("schema", "openapi"),
        ("serve", "--link"),
        ("serve", "--install"),
        ("mcp", "--print-config", "codex"),
        ("status",),
    ],
    ids=" ".join,
)
def test_only_a_server_loads_its_libraries(arguments: tuple[str, ...]) -> None:
    loaded = _loaded_by(*arguments)

    assert "millracer.cli.app" in loaded
    assert loaded.isdisjoint(_SERVES)


@pytest.mark.parametrize("action", ["list_sessions", "list_workspaces"])
def test_asking_the_store_loads_neither_millrace_nor_what_runs_a_task(action: str) -> None:
    loaded = _loaded_by("ops", "--json", request=_request(action))

    assert "millracer.store.sessions" in loaded
    unneeded = _RUNS_A_TASK | _REPORTS_A_RUN | _CALLS_MILLRACE | _ANSWERS_OTHERS | _SHOWS_A_PERSON
    assert loaded & unneeded == set()
    assert loaded & (_OTHER_MODELS | {"millracer.operations.status"}) == set()


def test_a_request_without_options_loads_no_parser() -> None:
    request = _request("list_sessions")
    unset = {name: value for name, value in os.environ.items() if "MILLRACER_" not in name}
    plain = _loaded_by("ops", "--json", request=request, environment=unset)
    parsed = _loaded_by("ops", "--json", "--session-id", "s", request=request, environment=unset)
    by_variable = _loaded_by(
        "ops", "--json", request=request, environment={**unset, "MILLRACER_SESSION_ID": "s"}
    )

    assert "millracer.store.sessions" in plain & parsed & by_variable
    assert plain & {"typer", "millracer.cli.app"} == set()
    assert parsed & by_variable >= {"typer", "millracer.cli.app"}


def test_asking_millrace_loads_nothing_that_runs_a_task(tmp_path: Path) -> None:
    request = _request("status", root_path=str(tmp_path))
    (tmp_path / "millrace-agents").mkdir()
    loaded = _loaded_by("ops", "--json", "--millrace-command", "no-millrace", request=request)

    assert "millracer.millrace.backend" in loaded
    assert loaded & (_RUNS_A_TASK | _SHOWS_A_PERSON) == set()


def test_a_run_in_a_pipe_loads_nothing_that_draws(tmp_path: Path) -> None:
    tools = ("--millrace-command", "no-millrace", "--pi-command", "no-pi")
    loaded = _loaded_by(
        "run", "--route", "millrace", "--workspace", str(tmp_path), *tools, "A task"
    )

    assert "millracer.run.orchestrator" in loaded
    assert loaded & _SHOWS_A_PERSON == set()


@pytest.mark.parametrize("line", ["millracer watch ", "millracer run --session-id "])
def test_completing_a_line_loads_no_more_than_it_reads_with(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("_MILLRACER_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    loaded = _loaded_by()

    assert "millracer.millrace.files.candidates" in loaded
    # As `--help` of a command does, typer reads the options with pydantic.
    assert loaded & (_HEAVY | _CALLS_MILLRACE) <= {"pydantic", "sqlite3", "platformdirs"}
    assert loaded & (_RUNS_A_TASK | _REPORTS_A_RUN) == set()


@pytest.mark.parametrize(
    "words", [("--help",), ("ps", "--help"), ("submit", "--help"), ("schedule", "--help")]
)
def test_the_help_of_a_fleet_loads_none_of_its_libraries(words: tuple[str, ...]) -> None:
    loaded = _loaded_by("fleet", *words)

    assert "millracer.cli.app" in loaded
    assert loaded & (_FLEET | _SERVES | {"sqlite3", "rich", "psutil"}) == set()
    assert _layers(loaded).isdisjoint(_DOES_WORK | {"fleet"})


@pytest.mark.parametrize("words", [("status",), ("list",), ("ops", "--json")], ids=" ".join)
def test_a_command_on_a_workspace_does_not_load_the_fleet(words: tuple[str, ...]) -> None:
    loaded = _loaded_by(*words, request=_request("list_sessions"))

    assert loaded & _FLEET == set()
    assert "fleet" not in _layers(loaded)


def test_a_client_of_a_fleet_does_not_load_its_engine(tmp_path: Path) -> None:
    nowhere = tmp_path / "fleet.toml"
    nowhere.write_text('url = "postgresql://joe@127.0.0.1:1/fleet"\n', encoding="ascii")
    loaded = _loaded_by("fleet", "ps", "--fleet", str(nowhere))

    assert "psycopg" in loaded
    assert loaded & {"dbos", "sqlalchemy"} == set()
