"""The real tools' answers, version by version, read by the adapters."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import judge
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ToolFailed
from millracer.millrace.backend import CliMillrace
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.files.event_log import newest_events
from millracer.millrace.intake.fields import request_hash_in_references
from millracer.millrace.submission import ItemLock
from millracer.millrace.wire.json_documents import (
    ClosureTarget,
    Intervention,
    InvalidArtifact,
    MailboxArchive,
    MailboxEnvelope,
    NormalizedIdea,
    RunTrace,
    parse,
)
from millracer.millrace.wire.text_output import AddReceipt, parse_item, parse_runs
from tests.support.fake_millrace import FakeMillrace

FIXTURES = Path(__file__).parents[3] / "fixtures" / "millrace"
VERSIONS = sorted(folder.name for folder in FIXTURES.iterdir())
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(params=VERSIONS)
def recorded(request: pytest.FixtureRequest) -> Path:
    return FIXTURES / str(request.param)


@pytest.fixture
def fake(tmp_path: Path) -> FakeMillrace:
    workspace = tmp_path / "workspace"
    (workspace / "millrace-agents").mkdir(parents=True)
    return FakeMillrace.beside(workspace)


@pytest.fixture
def millrace(fake: FakeMillrace) -> CliMillrace:
    return CliMillrace(fake.calls, safety_seconds=60, now=lambda: NOW)


def wait() -> Wait:
    return Wait.for_seconds(30)


def stdout_of(path: Path) -> str:
    return str(json.loads(path.read_text(encoding="utf-8"))["stdout"])


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_every_supported_line_is_recorded_and_says_how_to_do_it_again() -> None:
    assert [version.rpartition(".")[0] for version in VERSIONS] == ["0.18", "0.19", "0.20", "0.21"]
    for version in VERSIONS:
        folder = FIXTURES / version
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        named = {*manifest["calls"], *manifest["files"], "manifest.json"}
        assert (manifest["version"], manifest["record_again"]) == (version, "make fixtures")
        assert named == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "work_kind", "state"),
    [
        ("show-queued", "task", ItemState.QUEUED),
        ("show-probe-queued", "probe", ItemState.QUEUED),
        ("show-done", "task", ItemState.DONE),
        ("show-probe-done", "probe", ItemState.DONE),
        ("show-spec-done", "spec", ItemState.DONE),
        ("show-blocked", "task", ItemState.BLOCKED),
        ("show-cancelled", "task", ItemState.CANCELLED),
        ("show-superseded", "task", ItemState.SUPERSEDED),
        ("show-archived", "task", ItemState.CANCELLED),
    ],
)
def test_each_state_is_read(recorded: Path, name: str, work_kind: str, state: ItemState) -> None:
    item = parse_item(stdout_of(recorded / f"{name}.json"))

    assert (item.work_kind, item.state) == (work_kind, state)
    assert item.path.startswith("/workspace/millrace-agents/")


def test_an_archived_task_is_distinguished_from_a_cancelled_one_by_its_record(
    recorded: Path,
) -> None:
    record = parse(Intervention, lines_of(recorded / "interventions.jsonl")[-1], "record")

    assert (record.action, record.work_item_id, record.reason) == (
        "archive_blocked_task",
        "stuck",
        "given up",
    )


@pytest.mark.parametrize("name", ["show-absent", "show-uninitialised"])
def test_what_is_held_nowhere_is_absent(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace, name: str
) -> None:
    fake.replays("queue show", recorded / f"{name}.json")

    assert millrace.look_up("plain", wait()).state is ItemState.ABSENT


def test_an_unreadable_document_is_reported_with_millraces_error(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    queue = fake.workspace / "millrace-agents/tasks/queue"
    queue.mkdir(parents=True)
    (queue / "torn.md").write_text("# Torn\n", encoding="utf-8")
    fake.replays("queue show", recorded / "show-unreadable.json")

    found = millrace.look_up("torn", wait())

    assert found.state is ItemState.QUEUED
    assert "Error: " in found.detail


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_receipts_and_duplicates_of_every_kind_are_read(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace, kind: IntakeKind
) -> None:
    fake.replays(f"queue add-{kind} first", recorded / f"add-{kind}.json")
    fake.replays(f"queue add-{kind} again", recorded / f"add-{kind}-duplicate.json")
    lock = ItemLock("plain", 0)

    stored = millrace.add("first", kind, lock, wait()).stored_path
    assert stored is not None
    assert stored.startswith(str(fake.workspace))
    assert millrace.add("again", kind, lock, wait()) == AddReceipt(duplicate=True)


def test_a_refused_document_is_an_error_with_the_reason(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.replays("queue add-task", recorded / "add-task-refused.json")

    with pytest.raises(ToolFailed, match="must start with a markdown H1 title"):
        millrace.add("x", IntakeKind.TASK, ItemLock("x", 0), wait())


def test_a_mailbox_receipt_names_the_command_whose_file_it_became(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.replays("queue add-task", recorded / "add-task-mailbox.json")
    waiting = parse(
        MailboxEnvelope, (recorded / "mailbox-incoming.json").read_text("utf-8"), "mailbox"
    )

    receipt = millrace.add("x", IntakeKind.TASK, ItemLock("stuck", 0), wait())

    assert receipt == AddReceipt(mailbox_command=waiting.command_id)
    assert waiting.payload.document is not None
    assert waiting.payload.document.task_id == "stuck"
    assert request_hash_in_references(waiting.payload.document.references) == (
        b"stuck".hex().rjust(64, "0")
    )


def test_a_mailed_item_is_in_the_mailbox_until_the_daemon_took_it(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    incoming = fake.workspace / "millrace-agents/state/mailbox/incoming"
    incoming.mkdir(parents=True)
    text = (recorded / "mailbox-incoming.json").read_text(encoding="utf-8")
    (incoming / "command.json").write_text(text, encoding="utf-8")
    fake.replays("queue show", recorded / "show-absent.json")

    found = millrace.look_up("stuck", wait())

    assert (found.state, found.kind) == (ItemState.MAILBOX, IntakeKind.TASK)
    assert found.request_hash == b"stuck".hex().rjust(64, "0")


def test_a_refused_mailbox_command_says_why(recorded: Path) -> None:
    text = (recorded / "mailbox-failed.json").read_text(encoding="utf-8")
    archive = parse(MailboxArchive, text, "mailbox")

    assert (archive.disposition, archive.error) == ("failed", "task stuck already exists")


@pytest.mark.parametrize(
    "moment",
    [
        ("status-fresh", "absent", 0),
        ("status-queued", "absent", 3),
        ("status-drained", "active", 0),
        ("status-stopped", "absent", 0),
    ],
)
def test_the_status_of_each_moment_is_read_whole(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace, moment: tuple[str, str, int]
) -> None:
    name, lock, queued = moment
    fake.replays("status --format json", recorded / f"{name}.json")

    status = millrace.read_status(wait())

    assert (status.lock, status.queued, status.active_stage) == (lock, queued, None)
    assert status.process_running is (lock == "active")
    assert status.raw["workspace"] == str(fake.workspace)


def test_the_status_of_an_uninitialised_workspace_is_an_error_with_millraces_line(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.replays("status", recorded / "status-uninitialised.json")

    with pytest.raises(ToolFailed, match="workspace is not initialized"):
        millrace.read_status(wait())


@pytest.mark.parametrize(
    ("item_id", "state"), [("plain", ItemState.DONE), ("stuck", ItemState.BLOCKED)]
)
def test_recorded_evidence_is_judged_rightly(
    recorded: Path, fake: FakeMillrace, millrace: CliMillrace, item_id: str, state: ItemState
) -> None:
    logs = fake.workspace / "millrace-agents/logs"
    logs.mkdir()
    (logs / "runtime_events.jsonl").write_text(
        (recorded / "events.jsonl").read_text(encoding="utf-8"), encoding="utf-8"
    )
    trace = parse(RunTrace, stdout_of(recorded / f"runs-trace-{state}.json"), "trace")
    fake.replays(f"runs trace {trace.run_id}", recorded / f"runs-trace-{state}.json")
    item_status = ItemStatus(
        item_id=item_id,
        state=state,
        source=f"millrace queue show {item_id}",
        observed_at=NOW,
        kind=IntakeKind.TASK,
        millrace_id=item_id,
        work_kind="task",
    )

    verdict = judge(millrace.gather_evidence(item_status, wait()))

    assert (verdict.completed, verdict.blocked) == (
        state is ItemState.DONE,
        state is ItemState.BLOCKED,
    )
    assert fake.asked == [f"runs trace {trace.run_id} --format json"]


def test_a_probes_trace_names_the_work_it_led_to(recorded: Path) -> None:
    trace = parse(RunTrace, stdout_of(recorded / "runs-trace-probe.json"), "trace")
    spawned = [(work.kind, work.item_id) for edge in trace.edges for work in edge.spawned_work]

    assert [node.terminal_result for node in trace.nodes] == ["RECON_TO_EXECUTION"]
    assert spawned == [("task", "looked-at-task")]


def test_the_list_of_runs_names_their_items(recorded: Path) -> None:
    runs = parse_runs(stdout_of(recorded / "runs-ls.json"))

    assert {"plain", "stuck", "looked-at", "looked-at-task"} <= {run.item_id for run in runs}
    assert parse_runs(stdout_of(recorded / "runs-ls-empty.json")) == ()


def test_a_missing_run_is_distinguished_from_other_refusals(
    recorded: Path, fake: FakeMillrace
) -> None:
    fake.replays("runs trace", recorded / "runs-trace-absent.json")

    completed = MillraceQuestions(fake.calls).ask("runs", "trace", "run-none", wait=wait())

    assert "run not found" in completed.stdout


def test_the_event_log_is_read_from_its_end(recorded: Path) -> None:
    events = [
        event
        for event in newest_events(recorded / "events.jsonl", naming="plain")
        if event.data.work_item_id == "plain" and event.event_type == "stage_completed"
    ]

    assert [event.data.terminal_result for event in events] == [
        "UPDATE_COMPLETE",
        "CHECKER_PASS",
        "BUILDER_COMPLETE",
    ]


def test_the_other_files_millrace_leaves_are_read(recorded: Path) -> None:
    invalid = parse(InvalidArtifact, lines_of(recorded / "invalid-artifacts.jsonl")[0], "invalid")
    target = parse(ClosureTarget, (recorded / "closure-target.json").read_text("utf-8"), "target")

    assert invalid.source_name == "unreadable.md"
    assert invalid.error or invalid.error_message
    assert target.root_spec_id.startswith("idea-")


def test_from_0_21_a_note_says_which_spec_an_idea_became() -> None:
    note = parse(
        NormalizedIdea, (FIXTURES / "0.21.1/normalized-idea.json").read_text("utf-8"), "note"
    )

    assert note.source_path == "millrace-agents/intake/ideas/inbox/idea-shaped.md"
    assert note.spec_id.startswith("idea-do-shaped-")
