"""`millracer doctor` with programs that are missing, wrong or hang: it ends and says what to do."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from millracer.cli.app import invoke
from millracer.doctor import run_checks
from millracer.domain.doctor_report import CheckName
from millracer.schemas.names import SchemaName
from tests.support.doctor_cli import DoctorCaller
from tests.support.fake_install import FakeInstall
from tests.support.ops_world import assert_published
from tests.support.trees import tree

_CHILDREN = Path(__file__).parents[1] / "children"
_LIMIT_SECONDS = 60
_WITHOUT_TOOLS = {
    "millrace": "fail",
    **dict.fromkeys(("millrace_start", "initialised", "mode", "stale_state"), "skipped"),
    "pi": "fail",
    **dict.fromkeys(("node", "pi_start", "pi_model", "stage_model"), "skipped"),
}


@pytest.fixture
def caller(tmp_path: Path) -> DoctorCaller:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return DoctorCaller(
        forks=True,
        folder=tmp_path / "user",
        millrace="no-such-millrace",
        pi="no-such-pi",
        workspace=workspace,
    )


def _pi(name: str) -> str:
    return f"{sys.executable} {_CHILDREN / name}"


def test_without_any_tool_setup_is_named_and_the_rest_is_checked(caller: DoctorCaller) -> None:
    examined = caller.examine()

    assert examined.exit_code == 1
    assert examined.not_ok() == _WITHOUT_TOOLS
    assert examined.check("millrace")["next_command"] == "millracer setup"
    assert examined.check("pi")["next_command"] == "millracer setup"
    assert "no-such-millrace" in examined.check("millrace")["message"]
    assert examined.document["versions"]["millrace"] is None


def test_the_action_diagnose_makes_the_same_checks(caller: DoctorCaller) -> None:
    document = {
        "schema_version": "millracer.ops.v0.3",
        "request_id": "d-1",
        "action": "diagnose",
        "workspace_ref": {"root_path": str(caller.workspace)},
        "source": {"kind": "test"},
    }
    answered = caller.ask_ops(json.dumps(document).encode())

    assert answered.exit_code == 1
    printed = answered.document
    assert_published(SchemaName.OPS_RESULT_V03, printed)
    checks = {each["name"]: each["level"] for each in printed["result"]["checks"]}
    assert {name: level for name, level in checks.items() if level != "ok"} == _WITHOUT_TOOLS
    assert [each["code"] for each in printed["errors"]] == ["check_failed"] * 2


def test_a_person_reads_a_line_a_check_with_what_to_do_below_it(caller: DoctorCaller) -> None:
    printed = caller.says()

    lines = printed.stdout.splitlines()
    names = [name.replace("_", " ") for name in CheckName if name is not CheckName.PI_TURN]
    finding = [line for line in lines[:-1] if not line.startswith(" ")]
    assert [
        line[9:].partition("  ")[0].strip()[: len(name)]
        for line, name in zip(finding, names, strict=True)
    ] == names
    assert "  next: millracer setup" in printed.stdout
    assert re.findall(r"\d+", lines[-1]) == ["9", "0", "2", "8"]
    assert printed.stderr == ""
    assert printed.exit_code == 1


def test_a_millrace_of_a_wrong_version_is_named_with_the_range(
    caller: DoctorCaller, tmp_path: Path
) -> None:
    caller.millrace = str(FakeInstall.at(tmp_path / "old", version="0.17.4").program)

    finding = caller.examine().check("millrace")

    assert finding["level"] == "fail"
    assert "0.17.4" in finding["message"]
    assert finding["next_command"] == "millracer setup"


def test_a_pi_of_a_wrong_version_is_named_with_the_range(
    caller: DoctorCaller, tmp_path: Path
) -> None:
    pi = tmp_path / "old" / "bin" / "pi"
    pi.parent.mkdir(parents=True)
    pi.write_text("#!/bin/sh\n", encoding="utf-8")
    pi.chmod(0o755)
    metadata = {"name": "@mariozechner/pi-coding-agent", "version": "0.60.0"}
    (tmp_path / "old" / "package.json").write_text(json.dumps(metadata), encoding="utf-8")
    caller.pi = str(pi)

    finding = caller.examine().check("pi")

    assert finding["level"] == "fail"
    assert "0.60.0" in finding["message"]


def test_a_program_that_cannot_be_read_is_that_programs_failure(caller: DoctorCaller) -> None:
    caller.pi = "pi 'unclosed"

    finding = caller.examine().check("pi")

    assert finding["level"] == "fail"
    assert "--pi-command" in finding["message"]


def test_a_pi_that_knows_no_models_says_so_and_has_been_ended(caller: DoctorCaller) -> None:
    caller.pi = _pi("pi_polite.py")

    examined = caller.examine()

    assert examined.levels["node"] == "ok"
    assert examined.levels["pi_start"] == "fail"
    assert examined.levels["pi_model"] == "skipped"


def _millracer(caller: DoctorCaller, *words: str) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "millracer", *words),
        env=caller.variables(),
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_sessions_remember_is_counted_and_followed_and_not_touched(
    caller: DoctorCaller, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _millracer(caller, "workspaces", "add", "--id", "other", str(other))
    _millracer(caller, "workspaces", "select", "other", "--session-id", "s", "--mode", "lad_pi")
    words = list(caller.words("--json", "--session-id", "s"))
    at = words.index("--workspace")
    del words[at : at + 2]
    before = tree(caller.state)

    done = subprocess.run(
        words, env=caller.variables(), capture_output=True, timeout=_LIMIT_SECONDS, check=False
    )

    document = json.loads(done.stdout)
    assert document["workspace"] == str(other)
    (store,) = [check for check in document["checks"] if check["name"] == "session_store"]
    assert (store["level"], store["message"][:13]) == ("ok", "workspaces: 1")
    assert tree(caller.state) == before


def test_an_invalid_configuration_file_is_a_failed_check_and_the_rest_continues(
    caller: DoctorCaller,
) -> None:
    config = caller.folder / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text('modell = "x"\n', encoding="utf-8")

    examined = caller.examine()

    assert examined.exit_code == 1
    finding = examined.check("configuration")
    assert finding["level"] == "fail"
    assert str(config) in finding["message"]
    assert examined.levels["blocked_items"] == "ok"


def test_an_invalid_workspace_file_is_a_failed_check_and_the_rest_continues(
    caller: DoctorCaller,
) -> None:
    (caller.workspace / "millracer.toml").write_text('pi_command = "evil"\n', encoding="utf-8")

    examined = caller.examine()

    assert examined.check("configuration")["level"] == "fail"
    assert {**examined.not_ok(), "configuration": "ok"} == {**_WITHOUT_TOOLS, "configuration": "ok"}


def test_secrets_are_removed_from_output(caller: DoctorCaller) -> None:
    secret = "sk-ant-REDACTED"
    caller.environment = {"ANTHROPIC_API_KEY": secret}
    caller.workspace = caller.workspace / secret

    printed = caller.says("--json")

    assert printed.exit_code == 1
    assert secret not in printed.stdout + printed.stderr


def test_wrong_use_is_reported_in_the_document(caller: DoctorCaller) -> None:
    printed = caller.says("--json", "--no-such-option")

    assert printed.exit_code == 2
    assert_published(SchemaName.DOCTOR_RESULT, printed.document)
    assert printed.document["ok"] is False
    assert printed.document["checks"] == []
    assert printed.error_codes == ["usage"]


@pytest.fixture
def hanging(caller: DoctorCaller, tmp_path: Path) -> DoctorCaller:
    """Both tools are there, of a good version, and never answer anything."""
    millrace = FakeInstall.at(
        tmp_path / "millrace", script="#!{python}\nimport time\ntime.sleep(300)\n"
    )
    caller.millrace = str(millrace.program)
    pi = tmp_path / "pi" / "bin" / "pi"
    pi.parent.mkdir(parents=True)
    pi.write_text("#!/bin/sh\nexec sleep 300\n", encoding="utf-8")
    pi.chmod(0o755)
    metadata = {"name": "@mariozechner/pi-coding-agent", "version": "0.73.1"}
    (tmp_path / "pi" / "package.json").write_text(json.dumps(metadata), encoding="utf-8")
    caller.pi = str(pi)
    return caller


def _examined_here(
    caller: DoctorCaller, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any]]:
    for name, value in caller.variables().items():
        monkeypatch.setenv(name, value)
    code = invoke(caller.words("--json")[3:])
    return code, json.loads(capfd.readouterr().out)


def test_programs_that_never_answer_are_failures_and_the_rest_continues(
    hanging: DoctorCaller, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_checks, "CHECK_SECONDS", 1.0)

    code, document = _examined_here(hanging, monkeypatch, capfd)

    levels = {check["name"]: check["level"] for check in document["checks"]}
    assert code == 1
    assert (levels["millrace"], levels["millrace_start"]) == ("ok", "fail")
    assert (levels["pi"], levels["pi_start"]) == ("ok", "fail")
    assert (levels["blocked_items"], levels["daemon"]) == ("ok", "ok")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_it_with_what_was_checked_so_far(
    hanging: DoctorCaller, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        hanging.words(), env=hanging.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            while b"millrace  " not in process.stdout.readline():
                assert process.poll() is None
            process.send_signal(number)
            process.communicate(timeout=_LIMIT_SECONDS)
        finally:
            process.kill()

    assert process.returncode == code
    assert list(hanging.temporary.glob("millracer-*")) == []


def test_a_signal_leaves_one_document(hanging: DoctorCaller) -> None:
    with subprocess.Popen(
        hanging.words("--json"), env=hanging.variables(), stdout=subprocess.PIPE
    ) as process:
        try:
            folder = hanging.temporary
            while not list(folder.glob("millracer-*")):
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            stdout, _ = process.communicate(timeout=_LIMIT_SECONDS)
        finally:
            process.kill()

    document = json.loads(stdout)
    assert_published(SchemaName.DOCTOR_RESULT, document)
    assert document["ok"] is False
    assert [error["code"] for error in document["errors"]] == ["cancelled"]
    assert process.returncode == 143


def test_without_room_for_copies_nothing_starts(
    caller: DoctorCaller, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(tempfile, "tempdir", str(caller.folder / "gone"))
        code, document = _examined_here(caller, meanwhile, capfd)

    assert (code, document["ok"], document["checks"]) == (1, False, [])
    assert "TMPDIR" in document["errors"][0]["suggested_action"]
