import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.evidence import Evidence
from millracer.domain.work.items import ItemState, ItemStatus, WorkItem
from millracer.errors import (
    ProtocolError,
    ToolFailed,
    ToolTimeout,
    ToolUnsupported,
    WorkspaceUnusable,
)
from millracer.millrace.backend import CliMillrace
from millracer.millrace.intake.documents import IntakeDocument, render_document
from millracer.millrace.submission import ItemLock
from millracer.millrace.wire.text_output import AddReceipt
from tests.support.fake_millrace import FakeMillrace

ADDING_RUN = Path(__file__).parents[2] / "children" / "adding_run.py"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ITEM = WorkItem(item_id="widget-0a1b", request_hash="0123456789abcdef" * 4, named=True)
BODY = RequestBody(task="Make it\nblue")
BARE = "error: workspace is not initialized: /w. Run `millrace init --workspace /w` first.\n"
STANDING = ItemStatus(
    item_id=ITEM.item_id,
    state=ItemState.DONE,
    source="millrace queue show widget-0a1b",
    observed_at=NOW,
    kind=IntakeKind.TASK,
    millrace_id=ITEM.item_id,
    work_kind="task",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def fake(workspace: Path) -> FakeMillrace:
    return FakeMillrace.beside(workspace)


@pytest.fixture
def millrace(fake: FakeMillrace) -> CliMillrace:
    return CliMillrace(fake.calls, safety_seconds=60, now=lambda: NOW)


def wait(seconds: float = 30) -> Wait:
    return Wait.for_seconds(seconds)


def document() -> IntakeDocument:
    return render_document(ITEM, IntakeKind.TASK, BODY, created_at=NOW)


@contextmanager
def locked(millrace: CliMillrace) -> Iterator[ItemLock]:
    with millrace.lock_item(ITEM.item_id, wait()) as lock:
        yield lock


def use(fake: FakeMillrace) -> Path:
    agents = fake.workspace / "millrace-agents"
    agents.mkdir()
    return agents


def trace(run_id: str, status: str = "complete", result: str = "UPDATE_COMPLETE") -> str:
    node = {
        "stage": "updater",
        "work_item_id": ITEM.item_id,
        "work_item_kind": "task",
        "request_kind": "active_work_item",
        "terminal_result": result,
        "completed_at": "2026-11-22T11:59:00Z",
    }
    return json.dumps({"run_id": run_id, "status": status, "nodes": [node], "edges": []})


def log_runs(agents: Path, *run_ids: str, item_id: str = ITEM.item_id) -> None:
    lines = [
        json.dumps(
            {
                "event_type": "stage_completed",
                "occurred_at": "2026-11-22T11:00:00Z",
                "data": {"run_id": run_id, "work_item_id": item_id},
            }
        )
        for run_id in run_ids
    ]
    log = agents / "logs" / "runtime_events.jsonl"
    log.parent.mkdir(exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def runs_of(evidence: Evidence) -> list[str]:
    return [fact.run_id for fact in evidence.stages]


def test_an_unused_directory_is_initialised_with_one_call(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("init")

    assert not millrace.is_initialised
    millrace.initialise(wait())

    assert fake.asked == ["init"]


def test_a_used_workspace_is_not_initialised_again(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    use(fake)
    fake.answers("queue ls", stdout="execution_queue_depth: 0\n")

    assert millrace.is_initialised
    millrace.initialise(wait())
    millrace.initialise(wait())

    assert fake.asked == ["queue ls"]


def test_an_earlier_answer_spares_the_question_whether_the_workspace_is_initialised(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    use(fake)
    fake.holds_nothing()

    millrace.look_up(ITEM.item_id, wait())
    millrace.initialise(wait())

    assert fake.asked == ["queue show widget-0a1b"]


def test_a_workspace_of_an_older_millrace_is_initialised_again(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    use(fake)
    fake.answers("queue ls", exit_code=1, stdout=BARE)
    fake.answers("init")

    millrace.initialise(wait())
    millrace.initialise(wait())

    assert fake.asked == ["queue ls", "init"]


def test_a_workspace_millrace_cannot_use_is_an_error_with_its_line(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("init", exit_code=1, stdout="error: Directory '/w' is not writable.\n")

    with pytest.raises(WorkspaceUnusable, match="Directory '/w' is not writable"):
        millrace.initialise(wait())


def test_a_used_workspace_millrace_cannot_read_is_not_initialised_over(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    use(fake)
    fake.answers("queue ls", exit_code=1, stdout="error: snapshot is damaged\n")

    with pytest.raises(WorkspaceUnusable, match="snapshot is damaged"):
        millrace.initialise(wait())
    assert fake.asked == ["queue ls"]


@pytest.mark.parametrize("is_file", [True, False])
def test_a_workspace_that_is_not_a_directory_is_refused_before_millrace_is_asked(
    tmp_path: Path,
    is_file: bool,  # noqa: FBT001 - both cases of one rule
) -> None:
    fake = FakeMillrace.beside(tmp_path / "nowhere")
    if is_file:
        fake.workspace.write_text("", encoding="utf-8")

    with pytest.raises(WorkspaceUnusable, match="not a directory"):
        CliMillrace(fake.calls, safety_seconds=60).initialise(wait())
    assert fake.asked == []


def test_the_request_and_its_document_are_stored_privately_beside_each_other(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    own = fake.workspace / ".millracer"
    path = Path(millrace.store_request(ITEM, IntakeKind.TASK, BODY))
    request = path.with_name(document().request_file_name)

    assert path.parent == own / "intake"
    assert path.read_text(encoding="utf-8") == document().text
    assert request.read_text(encoding="utf-8") == "Make it\nblue"
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, request)] == [0o600, 0o600]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (own / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_a_stored_item_is_a_receipt(fake: FakeMillrace, millrace: CliMillrace) -> None:
    fake.answers("queue add-task", stdout="enqueued_task: /w/tasks/queue/widget-0a1b.md\n")

    with locked(millrace) as lock:
        receipt = millrace.add("/w/a.md", IntakeKind.TASK, lock, wait())

    assert receipt == AddReceipt(stored_path="/w/tasks/queue/widget-0a1b.md")
    assert fake.asked == ["queue add-task /w/a.md"]


def test_a_known_id_is_not_an_error_but_a_reason_to_look_it_up_again(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("queue add-idea", exit_code=1, stderr="WorkspaceStateError: idea already exists\n")

    with locked(millrace) as lock:
        receipt = millrace.add("/w/a.md", IntakeKind.IDEA, lock, wait())

    assert receipt == AddReceipt(duplicate=True)


def test_a_refused_document_is_an_error_with_millraces_line(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    line = "error: failed to add probe: the file already exists in another form\n"
    fake.answers("queue add-probe", exit_code=1, stdout=line)

    with locked(millrace) as lock, pytest.raises(ToolFailed, match="failed to add probe"):
        millrace.add("/w/a.md", IntakeKind.PROBE, lock, wait())


def test_success_without_a_receipt_is_a_protocol_error(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("queue add-task", stdout="done\n")

    with locked(millrace) as lock, pytest.raises(ProtocolError):
        millrace.add("/w/a.md", IntakeKind.TASK, lock, wait())


def test_an_add_that_hangs_is_ended_and_its_effect_unknown(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("queue add-task", seconds=60)

    with locked(millrace) as lock, pytest.raises(ToolTimeout):
        millrace.add("/w/a.md", IntakeKind.TASK, lock, wait(0.5))


def test_an_add_that_outlives_its_killed_run_still_holds_the_items_lock(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("queue add-task", seconds=2)
    run = subprocess.Popen((sys.executable, str(ADDING_RUN), str(fake.workspace), ITEM.item_id))
    try:
        until_asked(fake, 1)
    finally:
        run.kill()
        run.wait()

    with pytest.raises(ToolTimeout), millrace.lock_item(ITEM.item_id, wait(0.2)):
        pass
    with millrace.lock_item(ITEM.item_id, wait(20)) as lock:
        assert lock.item_id == ITEM.item_id


def test_an_add_is_ended_when_the_caller_asks_to_stop(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("queue add-task", seconds=60)
    cancellation = Cancellation()
    asking = threading.Timer(0.3, cancellation.cancel, (CancelReason.INTERRUPTED,))
    asking.start()

    with locked(millrace) as lock, pytest.raises(Cancelled):
        millrace.add("/w/a.md", IntakeKind.TASK, lock, Wait(cancellation))
    asking.join()


def test_locks_of_two_items_do_not_meet(millrace: CliMillrace) -> None:
    with millrace.lock_item("one", wait()), millrace.lock_item("two", wait(0.2)) as lock:
        assert lock.item_id == "two"


def test_status_without_a_needed_key_is_a_protocol_error_with_the_raw_text(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("status --format json", stdout='{"process_running": true}')

    with pytest.raises(ProtocolError) as caught:
        millrace.read_status(wait())
    assert caught.value.raw == '{"process_running": true}'


def test_evidence_of_a_done_task_is_its_state_and_its_newest_run(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-old", "run-new", "run-new")
    log_runs(agents, "run-other", item_id="widget-0a1b-2")
    fake.answers("runs trace run-new --format json", stdout=trace("run-new"))

    evidence = millrace.gather_evidence(STANDING, wait())

    assert [(fact.item_id, fact.state) for fact in evidence.items] == [
        (ITEM.item_id, ItemState.DONE)
    ]
    assert runs_of(evidence) == ["run-new"]
    assert evidence.stages[0].source == fake.source("runs trace run-new --format json")
    assert fake.asked == ["runs trace run-new --format json"]


def test_older_runs_are_read_while_none_settles_the_task(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-1", "run-2", "run-3")
    fake.answers("runs trace run-3", stdout=trace("run-3", result="BLOCKED"))
    fake.answers("runs trace run-2", stdout=trace("run-2"))

    evidence = millrace.gather_evidence(STANDING, wait())

    assert runs_of(evidence) == ["run-3", "run-2"]


def test_a_run_that_is_still_being_closed_is_read_again(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-1")
    fake.answers("runs trace run-1", stdout=trace("run-1", status="active"), once=True)
    fake.answers("runs trace run-1", stdout=trace("run-1"))

    evidence = millrace.gather_evidence(STANDING, wait())

    assert [fact.run_status for fact in evidence.stages] == ["complete"]


def test_the_trace_of_another_run_is_not_evidence(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-1")
    fake.answers("runs trace run-1", stdout=trace("run-2"))

    with pytest.raises(ProtocolError, match="run-2"):
        millrace.gather_evidence(STANDING, wait())


@pytest.mark.parametrize(
    "state", [ItemState.MAILBOX, ItemState.INBOX, ItemState.INVALID, ItemState.REFUSED]
)
def test_an_item_that_cannot_have_run_is_not_asked_about(
    fake: FakeMillrace, millrace: CliMillrace, state: ItemState
) -> None:
    use(fake)

    evidence = millrace.gather_evidence(replace(STANDING, state=state), wait())

    assert [fact.state for fact in evidence.items] == [state]
    assert fake.asked == []


def test_where_the_log_names_no_run_the_list_of_runs_is_asked(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    use(fake)
    listed = "run_id: run-0\nwork_item_id: other\nrun_id: run-1\nwork_item_id: widget-0a1b\n"
    fake.answers("runs ls", stdout=listed)
    fake.answers("runs trace run-1", stdout=trace("run-1"))

    assert runs_of(millrace.gather_evidence(STANDING, wait())) == ["run-1"]


def test_a_run_that_millrace_lost_is_neither_evidence_nor_an_error(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-1")
    fake.answers("runs trace", exit_code=1, stdout="error: run not found: run-1\n")

    assert millrace.gather_evidence(STANDING, wait()).stages == ()


def test_a_trace_outside_the_contract_is_a_protocol_error(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-1")
    fake.answers("runs trace", stdout='{"run_id": "run-1"')

    with pytest.raises(ProtocolError):
        millrace.gather_evidence(STANDING, wait())


@pytest.mark.parametrize("age", [timedelta(minutes=1), timedelta(hours=-1)], ids=["old", "ahead"])
def test_a_standing_of_another_time_is_read_again_before_it_is_evidence(
    fake: FakeMillrace, millrace: CliMillrace, age: timedelta
) -> None:
    use(fake)
    fake.holds_nothing()
    of_another_time = replace(STANDING, observed_at=NOW - age)

    evidence = millrace.gather_evidence(of_another_time, wait())

    assert evidence == Evidence(item_id=ITEM.item_id, kind=None)


def test_an_items_runs_are_found_in_a_long_log_from_its_end(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    agents = use(fake)
    log_runs(agents, "run-1")
    log_runs(agents, *(f"run-x{number}" for number in range(9000)), item_id="another")
    with (agents / "logs/runtime_events.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"event_type": "half a line, widget-0a1b')
    fake.answers("runs trace run-1", stdout=trace("run-1"))

    assert runs_of(millrace.gather_evidence(STANDING, wait())) == ["run-1"]


def until_asked(fake: FakeMillrace, calls: int) -> None:
    deadline = wait(10)
    while len(fake.asked) < calls:
        assert not deadline.expired, "the program was not called"
        deadline.sleep(0.02)


def test_modes_are_listed_without_the_workspace_and_say_nothing_about_it(
    fake: FakeMillrace, millrace: CliMillrace, workspace: Path
) -> None:
    (workspace / "millrace-agents").mkdir()
    fake.answers("modes list", stdout="lad_pi: execution_loop=lad\ndefault_pi -> lad_pi (alias)\n")
    fake.answers("queue ls", stdout=BARE, exit_code=1)
    fake.answers("init")

    assert millrace.list_modes(wait()) == ("lad_pi", "default_pi")
    millrace.initialise(wait())

    log = fake.script.with_suffix(".log").read_text(encoding="utf-8").splitlines()
    assert json.loads(log[0]) == ["modes", "list"]
    assert fake.asked == ["modes list", "queue ls", "init"]


def test_unavailable_modes_are_reported_like_any_other_refusal(
    fake: FakeMillrace, millrace: CliMillrace
) -> None:
    fake.answers("modes list", stdout="error: no assets\n", exit_code=1, once=True)
    with pytest.raises(ToolFailed, match="no assets"):
        millrace.list_modes(wait())

    fake.answers("modes list", stdout="nothing here\n", once=True)
    with pytest.raises(ProtocolError):
        millrace.list_modes(wait())

    fake.answers("modes list", stderr="ModuleNotFoundError: No module named 'x'\n", exit_code=1)
    with pytest.raises(ToolUnsupported):
        millrace.list_modes(wait())


def test_what_is_left_is_listed_without_a_call(
    fake: FakeMillrace, millrace: CliMillrace, workspace: Path
) -> None:
    queue = workspace / "millrace-agents" / "tasks" / "queue"
    queue.mkdir(parents=True)
    (queue / "theirs.md").write_text("# Anything\n", encoding="utf-8")

    assert [item.item_id for item in millrace.list_unfinished()] == ["theirs"]
    assert fake.asked == []
