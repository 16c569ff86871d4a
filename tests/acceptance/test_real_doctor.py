"""`millracer doctor` on the real tools: each defect as it really comes, and no trace left."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millracer.demo.scripted_model import Reply, ScriptedModel
from millracer.pi.install import Version
from millracer.system.user_folders import STORE_NAME
from tests.support.cli import Millracer, daemon_pid, wait_until
from tests.support.disks import read_only
from tests.support.doctor_cli import DoctorCaller, stages_on_scripted_models
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace


@pytest.fixture
def caller(tmp_path: Path, millrace_command: str, pi_command: str) -> DoctorCaller:
    """The real tools, pi on PATH as Millrace looks for it; nothing else is there."""
    path = os.pathsep.join([str(Path(pi_command).parent), os.environ["PATH"]])
    return DoctorCaller(
        folder=tmp_path / "user",
        millrace=millrace_command,
        pi=pi_command,
        workspace=tmp_path / "workspace",
        environment={"PATH": path},
    )


@pytest.fixture
def workspace(caller: DoctorCaller, millrace_version: Version) -> Workspace:
    """A real workspace whose stages are pi's, with the scripted provider."""
    made = make_workspace(caller.workspace, caller.millrace)
    configuration = made.agents / "millrace.toml"
    text = configuration.read_text(encoding="utf-8").partition("[runners.pi]")[0]
    configuration.write_text(text + stages_on_scripted_models(millrace_version), encoding="utf-8")
    return made


@pytest.mark.usefixtures("workspace")
@pytest.mark.ending
def test_where_all_is_well_everything_is_ok_and_nothing_is_changed(caller: DoctorCaller) -> None:
    with ScriptedModel(lambda _request: Reply.text("ready")) as model:
        caller.signs_in(model.base_url)
        examined = caller.examine()
        assert model.requests == ()

    assert examined.not_ok() == {}
    assert (examined.exit_code, examined.document["ok"]) == (0, True)
    assert set(examined.document["versions"].values()) & {None} == set()
    assert examined.document["tools"]["pi"] == {"command": caller.pi, "origin": "option"}
    assert not caller.state.exists()


def test_a_new_user_sees_what_is_missing_and_what_a_run_will_create(
    caller: DoctorCaller,
) -> None:
    caller.workspace.mkdir()

    examined = caller.examine()

    assert examined.exit_code == 1
    assert examined.not_ok() == {"pi_model": "fail", "stage_model": "fail"}
    assert "makes it one" in examined.check("initialised")["message"]
    assert "not there yet" in examined.check("state_folder")["message"]
    assert "/login" in examined.check("pi_model")["message"]
    assert examined.check("pi_model")["next_command"] == caller.pi
    assert list(caller.workspace.iterdir()) == []
    assert list(caller.home.iterdir()) == []


def test_leftovers_of_dead_daemons_and_blocked_work_are_reported_and_kept(
    caller: DoctorCaller, workspace: Workspace
) -> None:
    caller.signs_in()
    lock = {
        "owner_pid": 2**22 - 7,
        "owner_hostname": os.uname().nodename,
        "owner_session_id": "gone",
        "acquired_at": "2026-11-22T00:00:00Z",
    }
    state = workspace.agents / "state"
    (state / "runtime_daemon.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    (workspace.agents / "tasks" / "blocked" / "stuck.md").write_text(
        "# Stuck\n\nTask-ID: stuck\nTitle: Stuck\n", encoding="utf-8"
    )
    caller.state.mkdir(mode=0o700)
    (caller.state / STORE_NAME).write_text("this is no database", encoding="utf-8")

    examined = caller.examine("--millrace-mode", "no_such_mode")

    assert examined.exit_code == 1
    assert examined.not_ok() == {
        "session_store": "warning",
        "mode": "fail",
        "stale_state": "warning",
        "blocked_items": "warning",
        "stage_model": "skipped",
    }
    assert "no_such_mode" in examined.check("mode")["message"]
    assert examined.check("mode")["next_command"] == f"{caller.millrace} modes list"
    assert "clear-stale-state" in examined.check("stale_state")["next_command"]
    assert "retry-blocked stuck" in examined.check("blocked_items")["next_command"]
    assert str(caller.state / STORE_NAME) in examined.check("session_store")["message"]


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_turn_is_answered_by_the_model_and_reported(caller: DoctorCaller) -> None:
    with ScriptedModel(lambda _request: Reply.text("ready when you are")) as model:
        caller.signs_in(model.base_url)
        printed = caller.says("--try")
        asked = [request.last_user_text for request in model.requests]

    lines = printed.stdout.splitlines()
    (turn,) = [line for line in lines if "pi turn" in line]
    assert turn.startswith("ok ")
    assert turn.endswith("ready when you are")
    assert len(asked) == 1
    assert re.findall(r"\d+", lines[-1]) == ["19", "0", "0"]
    assert printed.exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_model_that_refuses_is_a_failed_turn_in_its_own_words(caller: DoctorCaller) -> None:
    with ScriptedModel(lambda _request: Reply.error(401, "no such key")) as model:
        caller.signs_in(model.base_url)
        printed = caller.says("--try", "--json")

    (turn,) = [check for check in printed.document["checks"] if check["name"] == "pi_turn"]
    assert (turn["level"], printed.exit_code) == ("fail", 1)
    assert "no such key" in turn["message"]
    assert turn["next_command"]


@pytest.mark.slow
def test_stages_whose_model_has_no_credentials_name_the_command_that_adds_them(
    caller: DoctorCaller, workspace: Workspace, millrace_version: Version
) -> None:
    if millrace_version < (0, 20, 3):
        pytest.skip("it names no model for stages")
    configuration = workspace.agents / "millrace.toml"
    text = configuration.read_text(encoding="utf-8").partition("[runners.pi]")[0]
    configuration.write_text(text, encoding="utf-8")
    caller.signs_in()

    before = caller.examine()

    assert before.not_ok() == {"stage_model": "fail"}
    fix = before.check("stage_model")["next_command"]
    assert fix.startswith(f"{caller.millrace} model-aliases set standard --model scripted/")
    assert os.system(f"({fix}) >/dev/null") == 0  # noqa: S605 - the printed command
    assert caller.examine().not_ok() == {}


@pytest.mark.slow
def test_a_daemon_is_reported_with_its_owner_and_only_read(
    caller: DoctorCaller, workspace: Workspace
) -> None:
    caller.signs_in()
    workspace.play(Scenario({"builder": (Step(seconds=0),)}))
    configuration = workspace.agents / "millrace.toml"
    configuration.write_text(
        configuration.read_text(encoding="utf-8").partition("[runners.pi]")[0], encoding="utf-8"
    )
    millracer = Millracer(
        workspace,
        caller.millrace,
        caller.pi,
        environment={"MILLRACER_STATE_DIR": str(caller.state)},
    )
    millracer.delegate("Nothing that ends well", "--keep-daemon", "--daemon-timeout-seconds", "1")
    wait_until(lambda: daemon_pid(workspace) is not None, "a daemon runs")
    pid = daemon_pid(workspace)
    try:
        printed = caller.says("--json", "--millrace-mode", "learning_pi")
        (daemon,) = [each for each in printed.document["checks"] if each["name"] == "daemon"]

        assert daemon["level"] == "fail"
        assert f"process {pid} works here" in daemon["message"]
        assert daemon_pid(workspace) == pid
    finally:
        millracer.millrace_says("control", "stop")
        wait_until(lambda: daemon_pid(workspace) is None, "the daemon ended")


@pytest.fixture
def unwritable(caller: DoctorCaller) -> Iterator[None]:
    caller.state.mkdir(mode=0o700)
    caller.workspace.mkdir()
    with read_only(caller.state), read_only(caller.workspace):
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("unwritable")
def test_what_cannot_be_written_is_a_failure_and_what_needs_it_not_checked(
    caller: DoctorCaller,
) -> None:
    caller.signs_in()

    examined = caller.examine()

    assert examined.exit_code == 1
    assert examined.levels["state_folder"] == examined.levels["workspace"] == "fail"
    skipped = {name for name, level in examined.levels.items() if level == "skipped"}
    assert {"session_store", "mode", "daemon", "stage_model"} <= skipped
    assert examined.levels["pi_model"] == "ok"


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_store_of_a_newer_version_is_a_failure(caller: DoctorCaller) -> None:
    caller.signs_in()
    caller.state.mkdir(mode=0o700)
    store = caller.state / STORE_NAME
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(f"PRAGMA application_id = {int.from_bytes(b'Mlrc', 'big')}")
        connection.execute("PRAGMA user_version = 999")
        connection.execute("CREATE TABLE later (id TEXT)")
        connection.commit()

    examined = caller.examine()

    assert examined.not_ok() == {"session_store": "fail"}
    finding = examined.check("session_store")
    assert str(store) in finding["message"]
    assert "999" in finding["message"]
    assert "millracer" in finding["next_command"]
