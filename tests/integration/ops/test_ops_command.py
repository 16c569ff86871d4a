"""`millracer ops`, `workspaces`, `sessions` and `run --session-id` as processes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from millracer.cli.app import invoke
from millracer.cli.process.signals import signals_raise
from millracer.cli.terminal.stdin import StandardInput
from millracer.system.user_folders import STORE_NAME
from millracer.wiring import BackendFactory
from tests.support.cli import wait_until
from tests.support.fake_millrace import FakeMillrace
from tests.support.ops_cli import DELEGATED, OpsCaller, Printed, request

_RECORDED = Path(__file__).parents[3] / "fixtures" / "millrace" / "0.21.1"
_NO_PI = ("--pi-command", "/nowhere/pi")


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return OpsCaller(cwd=cwd, state=tmp_path / "state", options=_NO_PI, forks=True)


@pytest.fixture
def workspace(tmp_path: Path, caller: OpsCaller) -> Path:
    """A workspace whose Millrace prints its status and nothing else."""
    root = tmp_path / "workspace"
    (root / "millrace-agents").mkdir(parents=True)
    fake = FakeMillrace.beside(root)
    fake.answers("--version", stdout="millrace 0.21.1\n")
    fake.replays("status --format json", _RECORDED / "status-fresh.json")
    caller.environment = {"FAKE_MILLRACE": str(fake.script)}
    caller.options = (*_NO_PI, "--millrace-command", shlex.join(fake.calls.argv))
    return root


def document(printed: Printed, *, exit_code: int) -> dict[str, Any]:
    assert printed.exit_code == exit_code, printed.stdout + printed.stderr
    return printed.document


def test_a_status_of_ten_megabytes_is_given_whole(caller: OpsCaller, workspace: Path) -> None:
    recorded = json.loads((_RECORDED / "status-fresh.json").read_text(encoding="utf-8"))
    status = {
        **json.loads(recorded["stdout"]),
        "workspace": str(workspace),
        "more": ["a line of a long list"] * 400_000,
    }
    fake = FakeMillrace.of(workspace)
    fake.script.write_text("[]", encoding="utf-8")
    fake.answers("--version", stdout="millrace 0.21.1\n")
    fake.answers("status --format json", stdout=json.dumps(status))
    answer = document(
        caller.ask("status", workspace_ref={"root_path": str(workspace)}), exit_code=0
    )

    assert answer["result"]["more"] == status["more"]


# every input, one document, its exit code


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff\xfe{}", id="no UTF-8"),
        pytest.param(b'{"request_id": NaN}', id="NaN"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(request("status") + request("status"), id="two documents"),
        pytest.param(request("status", schema_version="millracer.ops.v9"), id="another version"),
        pytest.param(request("status", workspace_ref=3), id="a wrong type"),
    ],
)
def test_an_invalid_request_gets_a_result_and_exit_2(caller: OpsCaller, body: bytes) -> None:
    printed = caller.send(body)

    result = document(printed, exit_code=2)
    assert (result["status"], set(printed.error_codes)) == ("failed", {"invalid_request"})
    assert "Traceback" not in printed.stderr


def test_a_body_of_50_megabytes_is_read_to_its_end_and_refused(caller: OpsCaller) -> None:
    body = request("enqueue", input={"text": "x" * 50_000_000})

    result = document(caller.send(body), exit_code=2)

    assert "16 MiB" in result["errors"][0]["message"]


@pytest.mark.parametrize(
    ("limit", "kept"), [(None, b"0123456789"), (10, b"0123456789"), (4, b"01234")]
)
def test_of_too_much_only_what_shows_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, kept: bytes
) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"0123456789")
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        assert StandardInput().read(limit=limit) == kept


@pytest.mark.parametrize(
    ("redirection", "words"),
    [("<&-", "empty"), ("0>/dev/null", "standard input")],
    ids=["closed", "not readable"],
)
def test_a_standard_input_that_gives_nothing_has_its_result(
    caller: OpsCaller, redirection: str, words: str
) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m millracer ops --json {redirection}"
    ran = subprocess.run(
        ("sh", "-c", command),  # noqa: S607 - the system's own shell
        cwd=caller.cwd,
        env={**os.environ, "MILLRACER_STATE_DIR": str(caller.state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert words in json.loads(ran.stdout)["errors"][0]["message"]


def test_a_signal_after_the_result_brings_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = tmp_path / "request.json"
    asked.write_bytes(request("list_sessions"))
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(BackendFactory, "close", lambda _: signal.raise_signal(signal.SIGTERM))
    with asked.open(encoding="utf-8") as stdin, signals_raise():
        monkeypatch.setattr(sys, "stdin", stdin)

        assert invoke(["ops", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "succeeded"


def test_standard_output_is_ascii_whatever_the_request_says(caller: OpsCaller) -> None:
    printed = caller.ask("explode", request_id="ünï", client_name="\u202e")

    assert printed.stdout.isascii()
    assert printed.document["request_id"] == "ünï"


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("action", "fields", "code", "exit_code"),
    [
        ("explode", {}, "unsupported_action", 1),
        ("status", {"workspace_ref": {"runtime_kind": "cloud"}}, "unsupported_runtime", 1),
        ("status", {}, "workspace_unresolved", 1),
        ("status", {"workspace_ref": {"root_path": "gone"}}, "workspace_missing", 1),
        ("status", {"workspace_ref": {"root_path": "."}}, "workspace_uninitialised", 1),
        ("enqueue", {"workspace_ref": {"root_path": "."}}, "invalid_input", 2),
        (
            "enqueue",
            {"workspace_ref": {"root_path": "."}, "input": {"text": "x"}},
            "pi_not_found",
            1,
        ),
        (
            "enqueue",
            {
                "workspace_ref": {"root_path": "."},
                "input": {"text": "x"},
                "options": {"pi_command": "evil"},
            },
            "invalid_request",
            2,
        ),
    ],
)
def test_what_cannot_be_done_is_failed_with_its_code(
    caller: OpsCaller, action: str, fields: dict[str, Any], code: str, exit_code: int
) -> None:
    printed = caller.ask(action, **fields)

    result = document(printed, exit_code=exit_code)
    assert (result["status"], printed.error_codes) == ("failed", [code])
    assert result["completion"]["scoped_completion"] is False
    assert list(caller.cwd.iterdir()) == []


def test_status_answers_with_millraces_own_words(caller: OpsCaller, workspace: Path) -> None:
    printed = caller.ask("status", workspace_ref={"root_path": str(workspace)})

    result = document(printed, exit_code=0)
    recorded = json.loads(json.loads((_RECORDED / "status-fresh.json").read_text())["stdout"])
    assert set(recorded) < set(result["result"])
    assert result["result"]["resolution"]["root_path"] == str(workspace)
    assert result["route"] == "status_only"


def test_an_unsupported_millrace_is_refused(caller: OpsCaller, workspace: Path) -> None:
    fake = FakeMillrace.beside(workspace)
    fake.answers("--version", stdout="millrace 0.17.0\n")

    printed = caller.ask("status", workspace_ref={"root_path": str(workspace)})

    assert document(printed, exit_code=1)["status"] == "failed"
    assert printed.error_codes == ["millrace_unsupported"]


# the command line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ops", "--json", "--route", "sideways"], "--route"),
        (["ops", "--json", "--nope"], "--nope"),
        (["ops", "extra", "--json"], "extra"),
        (["ops", "--stream-json", "--daemon-timeout-seconds", "0"], "--daemon-timeout-seconds"),
        (["workspaces", "add", "--nope", "--json"], "--nope"),
        (["workspaces", "select", "--json"], "ID|PATH"),
        (["sessions", "bogus", "--json"], "bogus"),
    ],
)
def test_wrong_use_is_a_result_for_a_json_caller(
    caller: OpsCaller, arguments: list[str], said: str
) -> None:
    printed = caller.run(*arguments, stdin=request("status"))

    result = document(printed, exit_code=2)
    assert printed.error_codes == ["usage"]
    assert said in result["errors"][0]["message"]
    assert (result["request_id"], result["action"], result["status"]) == (None, None, "failed")


@pytest.mark.parametrize("arguments", [["ops"], ["ops", "--route", "direct"]])
def test_without_json_ops_is_wrong_use(caller: OpsCaller, arguments: list[str]) -> None:
    printed = caller.run(*arguments, stdin=request("status"))

    assert (printed.exit_code, printed.stdout) == (2, "")
    assert "--json" in printed.stderr


@pytest.mark.parametrize("flags", [["--stream-json"], ["--json", "--stream-json"]])
def test_a_stream_is_refused_in_a_result(caller: OpsCaller, flags: list[str]) -> None:
    printed = caller.run("ops", *flags, stdin=request("list_workspaces"))

    result = document(printed, exit_code=1)
    assert printed.error_codes == ["unsupported_transport"]
    assert (result["request_id"], result["action"]) == ("req-1", "list_workspaces")


def test_a_stream_that_is_not_a_request_is_an_invalid_request(caller: OpsCaller) -> None:
    printed = caller.run("ops", "--stream-json", stdin=b"{")

    assert (printed.exit_code, printed.error_codes) == (2, ["invalid_request"])


def test_a_requests_own_words_go_before_the_command_lines(
    caller: OpsCaller, workspace: Path
) -> None:
    other = ("--workspace", "gone", "--session-id", "command", "--millrace-mode", "lad_pi")
    fields = {"workspace_ref": {"root_path": str(workspace), "mode": "learning_pi"}}

    mine = caller.ask("status", *other, client_name="mine", **fields).document
    foreign = caller.ask("status", *other).document

    assert (mine["status"], mine["session_ref"]) == ("succeeded", "mine")
    assert mine["workspace_ref"]["mode"] == "learning_pi"
    assert foreign["session_ref"] == "command"
    assert foreign["workspace_ref"]["mode"] == "lad_pi"
    assert foreign["result"]["resolution"]["rule"] == "cli_workspace"


def test_the_environment_names_the_session(caller: OpsCaller) -> None:
    caller.environment = {"MILLRACER_SESSION_ID": "from-the-environment"}

    assert caller.ask("list_workspaces").document["session_ref"] == "from-the-environment"


# signals


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)],
    ids=["INT", "TERM", "HUP"],
)
def test_a_signal_while_the_request_is_read_gives_a_result(
    caller: OpsCaller, number: signal.Signals, exit_code: int
) -> None:
    with caller.start("ops", "--json") as running:
        running.says(b" " * 1_000_000)
        running.send(number)
        running.process.wait(timeout=30)
        printed = running.finish()

    result = document(printed, exit_code=exit_code)
    assert (result["status"], printed.error_codes) == ("cancelled", ["cancelled"])
    assert (result["request_id"], result["action"]) == (None, None)
    assert "Traceback" not in printed.stderr


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_while_millrace_answers_gives_a_result_about_this_request(
    caller: OpsCaller, workspace: Path, number: signal.Signals, exit_code: int
) -> None:
    fake = FakeMillrace.beside(workspace)
    fake.answers("--version", stdout="millrace 0.21.1\n")
    fake.answers("status", seconds=120)
    body = request("status", client_name="ui", workspace_ref={"root_path": str(workspace)})
    with caller.start("ops", "--json", *caller.options) as running:
        running.says(body, closes=True)
        wait_until(lambda: "status --format json" in fake.asked, "Millrace is asked")
        running.send(number)
        printed = running.finish()

    result = document(printed, exit_code=exit_code)
    assert (result["request_id"], result["status"]) == ("req-1", "cancelled")
    assert result["workspace_ref"]["root_path"] == str(workspace)
    assert caller.session("ui")["recent_request_ids"] == ["req-1"]


# the store


def test_the_store_is_private_and_where_the_variable_says(caller: OpsCaller) -> None:
    caller.ask("list_workspaces")

    assert caller.state.stat().st_mode & 0o777 == 0o700
    assert (caller.state / STORE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_corrupt_store_is_set_aside_and_stops_nothing(caller: OpsCaller, workspace: Path) -> None:
    caller.state.mkdir()
    (caller.state / STORE_NAME).write_bytes(b"this is no database " * 500)

    printed = caller.ask("status", workspace_ref={"root_path": str(workspace)})

    assert printed.document["status"] == "succeeded"
    (warning,) = printed.document["warnings"]
    (aside,) = caller.state.glob("*.corrupt-*")
    assert str(aside) in warning["message"]
    again = caller.ask("status", workspace_ref={"root_path": str(workspace)})
    assert again.warning_codes == []
    assert caller.session("local")["recent_request_ids"] == ["req-1"]


@pytest.mark.parametrize("command", ["workspaces", "sessions"])
def test_a_store_that_cannot_be_opened_is_not_an_internal_error(
    caller: OpsCaller, command: str
) -> None:
    caller.state.write_text("a file where the folder should be", encoding="utf-8")

    listing = caller.run(command, "list", "--json")

    assert (listing.exit_code, listing.error_codes) == (8, ["session_store_unavailable"])


def test_a_store_that_cannot_be_opened_stops_status_and_run_no_more_than_it_must(
    caller: OpsCaller, workspace: Path
) -> None:
    caller.state.write_text("a file where the folder should be", encoding="utf-8")
    fields = {"workspace_ref": {"root_path": str(workspace)}}

    status = caller.ask("status", **fields)
    listing = caller.ask("list_sessions")
    run = caller.run("run", "--output", "json", *caller.options, "task")

    assert (status.exit_code, status.document["status"]) == (0, "succeeded")
    assert status.warning_codes == ["session_store_unavailable"]
    assert (listing.exit_code, listing.error_codes) == (1, ["session_store_unavailable"])
    assert run.error_codes == ["pi_not_found"]
    assert [warning.split(":")[0] for warning in run.document["warnings"]] == [
        "session_store_unavailable"
    ]


@pytest.mark.slow
def test_a_locked_store_is_waited_for_once_and_stops_nothing(
    caller: OpsCaller, workspace: Path
) -> None:
    caller.ask("list_workspaces")
    with closing(sqlite3.connect(caller.state / STORE_NAME, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        running = [
            caller.start("ops", "--json", *caller.options),
            caller.start("run", "--output", "json", *caller.options, "task"),
        ]
        body = request("status", workspace_ref={"root_path": str(workspace)})
        status, run = (each.finish(body) for each in running)

    assert (status.exit_code, status.warning_codes) == (0, ["session_store_unavailable"])
    assert run.error_codes == ["pi_not_found"]
    assert caller.session("local")["recent_request_ids"] == ["req-1"]


# for people


def test_a_person_registers_selects_and_forgets(caller: OpsCaller, tmp_path: Path) -> None:
    project = tmp_path / "My project"
    project.mkdir()

    added = caller.run("workspaces", "add", str(project), "--mode", "lad_pi", "--tag", "a")
    listed = caller.run("workspaces", "list")
    chosen = caller.run("workspaces", "select", "My-project")
    shown = caller.run("sessions", "show", "local")
    every = caller.run("sessions", "list")
    removed = caller.run("workspaces", "remove", "My-project")
    forgotten = caller.run("sessions", "forget", "local")
    nothing = caller.run("sessions", "list")

    assert added.stdout == f"registered My-project: {project}\n"
    _, first, default = listed.stdout.splitlines()
    assert first.split() == ["My-project", *str(project).split(), "lad_pi", "a"]
    assert default.split() == ["*", "default", str(caller.cwd), "default_pi", "-"]
    (sentence,) = chosen.stdout.splitlines()
    assert all(word in sentence for word in ("local", "My-project", str(project), "lad_pi"))
    assert f"path       {project}\n" in shown.stdout
    assert "mode       lad_pi\n" in shown.stdout
    assert every.stdout.splitlines()[1].split()[:3] == ["local", "My-project", "lad_pi"]
    assert removed.stdout == f"forgot My-project: {project}\n"
    assert forgotten.stdout == "forgot session local\n"
    assert nothing.stdout == "no sessions yet\n"
    printed = (added, listed, chosen, shown, every, removed, forgotten, nothing)
    assert {(each.exit_code, each.stderr) for each in printed} == {(0, "")}


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["workspaces", "select", "nope"], "workspace_unresolved", 1),
        (["workspaces", "select", "./nope"], "invalid_request", 2),
        (["workspaces", "remove", "nope"], "workspace_unresolved", 1),
        (["workspaces", "add", "nope"], "invalid_request", 2),
        (["workspaces", "add", ".", "--id", "a b"], "invalid_request", 2),
        (["workspaces", "add", ".", "--id", "default"], "invalid_request", 2),
        (["workspaces", "add", "/"], "usage", 2),
        (["sessions", "show", "nope"], "session_unknown", 1),
        (["sessions", "forget", "nope"], "session_unknown", 1),
    ],
)
def test_what_a_person_gets_wrong_is_an_error_in_text_and_in_json(
    caller: OpsCaller, arguments: list[str], code: str, exit_code: int
) -> None:
    text = caller.run(*arguments)
    json_ = caller.run(*arguments, "--json")

    assert (text.exit_code, text.stdout) == (exit_code, "")
    assert text.stderr.startswith("error: ")
    assert "\n  next: " in text.stderr
    assert document(json_, exit_code=exit_code)["status"] == "failed"
    assert json_.error_codes == [code]


@pytest.mark.parametrize(
    "arguments",
    [
        ["workspaces", "list"],
        ["workspaces", "add", "."],
        ["workspaces", "select", ".", "--mode", "lad_pi", "--session-id", "ui"],
        ["sessions", "list"],
    ],
)
def test_a_persons_command_prints_the_ops_result_with_json(
    caller: OpsCaller, arguments: list[str]
) -> None:
    result = document(caller.run(*arguments, "--json"), exit_code=0)

    assert result["schema_version"] == "millracer.ops.v0.2"
    assert result["status"] == "succeeded"
    assert result["route"] == "inspect_only"


def test_reading_is_not_remembered_and_registering_twice_is_reported(caller: OpsCaller) -> None:
    caller.run("workspaces", "add", ".", "--id", "here")
    again = caller.run("workspaces", "add", ".", "--id", "here")

    assert again.exit_code == 0
    assert "workspace_replaced" in again.stderr
    assert caller.run("sessions", "list").stdout == "no sessions yet\n"


def test_what_callers_call_themselves_stays_on_its_line(caller: OpsCaller) -> None:
    name = "\x1b[2Jevil\r\nlocal  /etc"
    caller.ask("list_workspaces", client_name=name, request_id="one\nwarnings")

    listed = caller.run("sessions", "list").stdout
    shown = caller.run("sessions", "show", name).stdout

    assert len(listed.splitlines()) == 2
    assert len(shown.splitlines()) == 8
    assert "evil" in listed
    assert not {"\x1b", "\r"} & set(listed + shown)


# run in a session


def run_result(caller: OpsCaller, *arguments: str) -> dict[str, Any]:
    return caller.run("run", "--output", "json", "--quiet", *_NO_PI, *arguments, "task").document


def test_a_run_without_a_session_works_here_and_is_recorded_in_local(
    caller: OpsCaller, workspace: Path
) -> None:
    FakeMillrace.of(workspace).answers("init", exit_code=1, stderr="refused\n")
    caller.run("workspaces", "select", str(workspace))

    result = run_result(caller, *caller.options, "--request-id", "run-1", "--route", "millrace")

    assert str(caller.cwd) in result["errors"][0]["message"]
    (warning,) = result["warnings"]  # there is no pi here, and the workspace is new
    assert warning.startswith("stage_models_unchecked: ")
    assert caller.session("local")["recent_request_ids"] == ["run-1"]


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_run_in_a_session_works_where_it_selected_and_in_its_mode(
    caller: OpsCaller, workspace: Path, by: str
) -> None:
    fake = FakeMillrace.of(workspace)
    fake.holds_nothing()
    fake.answers("queue ls")
    fake.answers("compile validate", exit_code=1)
    caller.run(
        *("workspaces", "select", str(workspace), "--mode", "learning_pi", "--session-id", "ui")
    )
    named = ("--session-id", "ui") if by == "option" else ()
    if by == "variable":
        caller.environment = {**caller.environment, "MILLRACER_SESSION_ID": "ui"}

    result = run_result(
        caller, *caller.options, *named, "--request-id", "run-1", "--route", "millrace"
    )

    assert result["outcome"] == "failed"
    assert [call for call in fake.asked if call.startswith("compile")] == [
        "compile validate --mode learning_pi"
    ]
    session = caller.session("ui")
    assert session["recent_request_ids"] == ["run-1"]
    assert session["selected_root_path"] == str(workspace)


def test_a_run_takes_the_mode_its_workspace_is_registered_with_now(
    caller: OpsCaller, workspace: Path
) -> None:
    fake = FakeMillrace.of(workspace)
    fake.answers("queue ls")
    fake.answers("compile validate", exit_code=1)
    register = ("workspaces", "add", str(workspace), "--id", "mill")
    caller.run(*register)
    caller.run("workspaces", "select", "mill", "--session-id", "ui")
    caller.run(*register, "--mode", "lad_pi")

    run_result(caller, *caller.options, "--session-id", "ui", "--route", "millrace")

    assert fake.asked[-1] == "compile validate --mode lad_pi"


def test_a_named_workspace_goes_before_the_sessions(caller: OpsCaller, workspace: Path) -> None:
    caller.run("workspaces", "select", str(workspace), "--session-id", "ui")

    result = run_result(caller, "--session-id", "ui", "--workspace", "gone")

    assert result["errors"][0]["code"] == "invalid_request"
    assert str(caller.cwd / "gone") in result["errors"][0]["message"]


def test_a_selected_workspace_that_is_gone_is_an_error_and_not_another_workspace(
    caller: OpsCaller, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    caller.run("workspaces", "select", str(gone), "--session-id", "ui")
    gone.rmdir()

    result = run_result(caller, "--session-id", "ui")

    assert str(gone) in result["errors"][0]["message"]


def test_a_session_that_selected_nothing_works_here_with_a_warning(caller: OpsCaller) -> None:
    result = run_result(caller, "--session-id", "new", "--request-id", "run-1")

    (warning,) = result["warnings"]
    assert warning.startswith("session_without_workspace: ")
    assert str(caller.cwd) in warning
    session = caller.session("new")
    assert session["recent_request_ids"] == ["run-1"]
    assert session["last_warning_codes"] == ["session_without_workspace"]


def test_an_enqueue_and_a_run_report_the_same_of_a_missing_millrace(caller: OpsCaller) -> None:
    nowhere = ("--millrace-command", "/nowhere/millrace")
    here = {"root_path": str(caller.cwd)}

    ran = run_result(caller, *nowhere, "--route", "millrace", "--intake", "task")
    asked = caller.ask(
        "enqueue", *nowhere, workspace_ref=here, input={"text": "task"}, **DELEGATED
    ).document

    assert ran["errors"][0]["code"] == asked["errors"][0]["code"] == "millrace_not_found"
    assert asked["raw_compat"]["errors"] == ran["errors"]


def test_a_default_workspace_is_for_ops_and_moves_no_command_given_in_a_directory(
    caller: OpsCaller, workspace: Path
) -> None:
    payload = {"workspace_id": "other", "root_path": str(workspace), "is_default": True}
    caller.ask("register_workspace", input={"payload": payload})

    status = caller.run("status", "--json").document
    asked = caller.ask("status").document

    assert status["workspace"]["root_path"] == str(caller.cwd)
    assert asked["result"]["resolution"]["rule"] == "registry_default"
