"""Asking and adding on the real Millrace; other tests need a daemon's stages."""

import os
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.models import AliasModel
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.completion import judge
from millracer.domain.work.items import ItemState, WorkItem
from millracer.errors import ToolFailed, ToolUnsupported, WorkspaceUnusable
from millracer.millrace.backend import CliMillrace
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.wire.text_output import AddReceipt
from tests.support.workspace import Workspace, make_workspace

HASH = "0123456789abcdef" * 4


@dataclass(frozen=True, slots=True)
class Real:
    """The adapter and the workspace it works in."""

    millrace: CliMillrace
    workspace: Workspace
    command: str

    def add(self, item_id: str, kind: IntakeKind = IntakeKind.TASK) -> AddReceipt:
        item = WorkItem(item_id=item_id, request_hash=HASH, named=True)
        body = RequestBody(task=f"Do {item_id}\n\n    well")
        path = self.millrace.store_request(item, kind, body)
        with self.millrace.lock_item(item_id, wait()) as lock:
            return self.millrace.add(path, kind, lock, wait())

    def state_of(self, item_id: str) -> ItemState:
        return self.millrace.look_up(item_id, wait()).state

    def operate(self, *arguments: str) -> None:
        """Do what a person does beside Millracer."""
        subprocess.run(
            (self.command, *arguments, "--workspace", str(self.workspace.root)),
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )

    def move(self, item_id: str, source: str, target: str) -> None:
        """Put an item where only a daemon puts it."""
        tasks = self.workspace.agents / "tasks"
        (tasks / source / f"{item_id}.md").rename(tasks / target / f"{item_id}.md")


@pytest.fixture
def real(tmp_path: Path, millrace_command: str) -> Real:
    workspace = make_workspace(tmp_path / "workspace", millrace_command)
    return Real(adapter(millrace_command, workspace.root), workspace, millrace_command)


def adapter(command: str, workspace: Path) -> CliMillrace:
    calls = MillraceCalls(argv=(command,), workspace=workspace, cwd=workspace)
    return CliMillrace(calls, safety_seconds=60)


def wait() -> Wait:
    return Wait.for_seconds(60)


@contextmanager
def sleeping_daemon(real: Real) -> Iterator[None]:
    """Let a daemon hold the workspace, and take nothing in before the end."""
    millrace = real.millrace
    lease = millrace.supervisor.lease(wait())
    try:
        with millrace.supervisor.control(wait()) as control:
            daemon = control.start("default_pi", wait())
        limit = wait()
        while not millrace.read_status(wait()).process_running:
            assert not limit.expired, "the daemon did not come up"
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        while any((real.workspace.agents / "state/mailbox/incoming").glob("add_*")):
            assert not limit.expired, "the daemon did not empty its mailbox"
            limit.sleep(0.05)
    finally:
        lease.leave(wait(), keep_daemon=False)


def test_the_version_read_from_the_install_is_the_one_the_program_prints(
    tmp_path: Path, millrace_command: str
) -> None:
    printed = subprocess.run(
        (millrace_command, "--version"), capture_output=True, text=True, check=True, timeout=60
    )

    assert adapter(millrace_command, tmp_path).check_supported(wait()) == printed.stdout.split()[-1]


def test_an_unsupported_version_is_refused(tmp_path: Path, millrace_command: str) -> None:
    environment = Path(millrace_command).resolve().parents[1]
    later = tmp_path / "venv"
    packages = later / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "millrace_ai-0.22.0.dist-info").mkdir()
    (later / "bin").mkdir()
    script = (environment / "bin" / "millrace").read_text(encoding="utf-8")
    program = later / "bin" / "millrace"
    program.write_text(script.replace(str(environment), str(later)), encoding="utf-8")
    program.chmod(0o755)

    with pytest.raises(ToolUnsupported, match=r"0\.22\.0.*0\.18\.6 to 0\.21\.x"):
        adapter(str(program), tmp_path).check_supported(wait())


def test_an_unused_directory_is_made_usable_once_and_keeps_its_work(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    millrace = adapter(millrace_command, workspace)

    assert millrace.look_up("anything", wait()).state is ItemState.ABSENT
    with pytest.raises(ToolFailed, match="not initialized"):
        millrace.read_status(wait())
    millrace.initialise(wait())
    status = millrace.read_status(wait())

    assert (status.process_running, status.lock, status.queued) == (False, "absent", 0)
    assert status.raw["workspace"] == str(workspace)


def test_a_workspace_that_is_a_file_is_refused(tmp_path: Path, millrace_command: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.write_text("", encoding="utf-8")

    with pytest.raises(WorkspaceUnusable):
        adapter(millrace_command, tmp_path / "workspace").initialise(wait())


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (IntakeKind.TASK, ItemState.QUEUED),
        pytest.param(IntakeKind.PROBE, ItemState.QUEUED, marks=pytest.mark.slow),
        (IntakeKind.IDEA, ItemState.INBOX),
    ],
)
def test_an_added_item_is_found_again_and_never_added_twice(
    real: Real, kind: IntakeKind, state: ItemState
) -> None:
    stored = real.add("widget-0a1b", kind).stored_path
    again = real.add("widget-0a1b", kind)
    found = real.millrace.look_up("widget-0a1b", wait())

    assert stored is not None
    assert again == AddReceipt(duplicate=True)
    assert (found.state, found.kind, found.request_hash) == (state, kind, HASH)
    assert found.path == stored


def test_a_document_millrace_refuses_is_an_error_with_its_words(real: Real) -> None:
    path = real.workspace.root / "bad.md"
    path.write_text("no heading\n", encoding="utf-8")

    with (
        real.millrace.lock_item("bad", wait()) as lock,
        pytest.raises(ToolFailed, match="H1 title"),
    ):
        real.millrace.add(str(path), IntakeKind.TASK, lock, wait())


def test_every_fate_of_a_task_is_reported(real: Real) -> None:
    for item_id in ("dropped-1", "replaced-2", "stuck-3", "kept-4"):
        real.add(item_id)
    real.operate("queue", "cancel", "dropped-1", "--reason", "not needed")
    real.operate(
        "queue", "supersede", "replaced-2", "--replacement", "kept-4", "--reason", "the same"
    )
    real.move("stuck-3", "queue", "blocked")
    blocked = real.state_of("stuck-3")
    real.operate("queue", "archive-blocked", "stuck-3", "--reason", "given up")
    real.move("kept-4", "queue", "done")

    dropped = real.millrace.look_up("dropped-1", wait())
    assert (dropped.state, dropped.request_hash) == (ItemState.CANCELLED, HASH)
    assert "not needed" in dropped.detail
    assert real.state_of("replaced-2") is ItemState.SUPERSEDED
    assert blocked is ItemState.BLOCKED
    assert real.state_of("stuck-3") is ItemState.ARCHIVED
    assert real.state_of("kept-4") is ItemState.DONE


def test_an_item_with_a_longer_id_is_never_mistaken_for_the_requested_one(real: Real) -> None:
    real.add("widget.two")
    assert real.state_of("widget") is ItemState.ABSENT

    real.add("widget")
    real.move("widget", "queue", "done")

    found = real.millrace.look_up("widget", wait())
    assert (found.state, found.kind, found.request_hash) == (
        ItemState.DONE,
        IntakeKind.TASK,
        HASH,
    )


def test_an_add_beside_a_daemon_is_in_the_mailbox_and_then_in_the_queue(real: Real) -> None:
    real.add("first-1")
    real.move("first-1", "queue", "blocked")
    with sleeping_daemon(real):
        assert real.add("second-2").mailbox_command is not None
        assert real.add("first-1").mailbox_command is not None
        mailed = real.millrace.look_up("second-2", wait())
        assert (mailed.state, mailed.request_hash) == (ItemState.MAILBOX, HASH)

    assert real.state_of("second-2") in {ItemState.QUEUED, ItemState.ACTIVE, ItemState.DONE}
    assert real.state_of("first-1") is ItemState.BLOCKED


@pytest.mark.parametrize(
    "kind", [IntakeKind.TASK, pytest.param(IntakeKind.IDEA, marks=pytest.mark.slow)]
)
def test_a_finished_items_evidence_is_its_state_and_its_stages(
    real: Real, kind: IntakeKind
) -> None:
    millrace = real.millrace
    real.add("widget-0a1b", kind)
    lease = millrace.supervisor.lease(wait())
    try:
        with millrace.supervisor.control(wait()) as control:
            control.start("default_pi", wait())
        found = millrace.look_up("widget-0a1b", wait())
        limit = wait()
        while found.state is not ItemState.DONE:
            assert not limit.expired, f"the item stayed {found.state}"
            lease.next_hints(found, wait())
            found = millrace.look_up("widget-0a1b", wait())
        evidence = millrace.gather_evidence(found, wait())
    finally:
        lease.leave(wait(), keep_daemon=False)

    assert (found.kind, found.request_hash) == (kind, HASH)
    states = {fact.item_id: fact.state for fact in evidence.items}
    assert states["widget-0a1b"] is ItemState.DONE
    assert {fact.item_id for fact in evidence.stages} <= {found.millrace_id}
    assert kind is IntakeKind.IDEA or judge(evidence).completed


def test_a_new_workspace_keeps_transcripts_and_still_gets_models(
    tmp_path: Path, millrace_command: str
) -> None:
    millrace = adapter(millrace_command, tmp_path)

    millrace.initialise(wait())
    changes = (AliasModel(alias="fast", model="scripted/one", thinking="low"),)
    with millrace.supervisor.control(wait()) as control:
        control.set_stage_models(changes, wait())
        assert control.validate_mode("default_pi", wait()).ok

    settings = tomllib.loads((tmp_path / "millrace-agents" / "millrace.toml").read_text("utf-8"))
    assert settings["runners"]["pi"] == {"event_log_policy": "full"}
    assert settings["model_aliases"]["fast"]["model"] == "scripted/one"
