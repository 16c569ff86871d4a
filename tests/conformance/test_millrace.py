"""What the orchestrator relies on, of the scripted Millrace and of the real one alike."""

from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.models import AliasModel, ModelOrigin
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import ItemState, SubmitReceipt, WorkItem
from millracer.errors import ProtocolError, ToolFailed
from millracer.millrace.backend import CliMillrace
from millracer.millrace.commands.calls import MillraceCalls
from millracer.ports import Backend
from millracer.testing.backend import ScriptedBackend

HASH = "0123456789abcdef" * 4


@pytest.fixture(params=["scripted", "real"])
def millrace(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "scripted":
        return ScriptedBackend(workspace=str(tmp_path), is_initialised=False)
    command = str(request.getfixturevalue("millrace_command"))
    calls = MillraceCalls(argv=(command,), workspace=tmp_path, cwd=tmp_path)
    return CliMillrace(calls, safety_seconds=60)


def wait() -> Wait:
    return Wait.for_seconds(60)


def add(millrace: Backend, item_id: str, kind: IntakeKind, *, named: bool = False) -> SubmitReceipt:
    item = WorkItem(item_id=item_id, request_hash=HASH, named=named)
    millrace.store_request(item, kind, RequestBody(task="Make it blue"))
    return millrace.submit(item, kind, wait())


def test_a_version_is_known_only_after_it_was_asked(millrace: Backend) -> None:
    assert millrace.version is None
    version = millrace.check_supported(wait())

    assert version == millrace.version
    renamed = int(version.split(".")[1]) >= 21
    assert millrace.resolve_mode("default_pi") == ("lad_pi" if renamed else "default_pi")


def test_an_item_goes_from_absent_to_where_its_kind_waits_and_is_added_once(
    millrace: Backend,
) -> None:
    assert not millrace.is_initialised
    assert millrace.look_up("widget-0a1b", wait()).state is ItemState.ABSENT

    millrace.initialise(wait())
    millrace.initialise(wait())
    assert millrace.is_initialised

    task = add(millrace, "widget-0a1b", IntakeKind.TASK)
    idea = add(millrace, "plan-2c3d", IntakeKind.IDEA)
    again = [add(millrace, "widget-0a1b", IntakeKind.TASK, named=named) for named in (True, False)]
    assert [receipt.existed for receipt in (task, idea, *again)] == [False, False, True, True]
    assert {receipt.pending_command for receipt in (task, idea, *again)} == {None}
    assert (task.status.state, task.status.request_hash) == (ItemState.QUEUED, HASH)
    assert (idea.status.state, idea.status.millrace_id) == (ItemState.INBOX, None)
    assert [receipt.status.state for receipt in again] == [ItemState.QUEUED] * 2

    queued = millrace.look_up("widget-0a1b", wait())
    inbox = millrace.look_up("plan-2c3d", wait())
    assert (queued.state, queued.kind, queued.work_kind) == (
        ItemState.QUEUED,
        IntakeKind.TASK,
        "task",
    )
    assert (queued.item_id, queued.millrace_id) == ("widget-0a1b", "widget-0a1b")
    assert (inbox.state, inbox.kind, inbox.work_kind) == (
        ItemState.INBOX,
        IntakeKind.IDEA,
        "idea",
    )
    assert (inbox.item_id, inbox.millrace_id) == ("plan-2c3d", "plan-2c3d")
    assert (queued.request_hash, inbox.request_hash) == (HASH, HASH)
    status = millrace.read_status(wait())
    assert (status.process_running, status.lock, status.queued) == (False, "absent", 1)

    evidence = millrace.gather_evidence(queued, wait())
    assert [(fact.item_id, fact.state) for fact in evidence.items] == [
        ("widget-0a1b", ItemState.QUEUED)
    ]
    assert evidence.stages == ()
    for source in (queued.source, status.source, evidence.items[0].source):
        assert source.endswith(f" --workspace {millrace.workspace}")


def test_what_is_left_is_listed_with_the_newest_first_and_ideas_after_the_queue(
    millrace: Backend,
) -> None:
    assert millrace.list_unfinished() == ()
    millrace.initialise(wait())
    assert millrace.list_unfinished() == ()

    add(millrace, "plan-2c3d", IntakeKind.IDEA)
    add(millrace, "widget-0a1b", IntakeKind.TASK)
    add(millrace, "look-4e5f", IntakeKind.PROBE)
    left = millrace.list_unfinished()

    assert [(item.item_id, item.work_kind, item.state) for item in left] == [
        ("look-4e5f", "probe", ItemState.QUEUED),
        ("widget-0a1b", "task", ItemState.QUEUED),
        ("plan-2c3d", "idea", ItemState.INBOX),
    ]
    assert {(item.title, item.ours) for item in left} == {("Make it blue", True)}
    assert all(item.path.startswith(millrace.workspace) for item in left)
    assert [millrace.look_up(item.item_id, wait()).state for item in left] == [
        item.state for item in left
    ]


def test_all_items_are_listed_in_any_state_with_the_request_as_it_was_given(
    millrace: Backend,
) -> None:
    assert millrace.list_items() == ()
    millrace.initialise(wait())
    add(millrace, "widget-0a1b", IntakeKind.TASK)
    add(millrace, "plan-2c3d", IntakeKind.IDEA)
    millrace.cancel_item("widget-0a1b", "not wanted", wait())
    listed = {item.item_id: item for item in millrace.list_items()}

    assert {item_id: (item.work_kind, item.state) for item_id, item in listed.items()} == {
        "widget-0a1b": ("task", ItemState.CANCELLED),
        "plan-2c3d": ("idea", ItemState.INBOX),
    }
    assert {item.title for item in listed.values()} == {"Make it blue"}
    for item_id in listed:
        assert millrace.task_text(millrace.look_up(item_id, wait())) == "Make it blue"
    assert millrace.task_text(millrace.look_up("nothing-0a1b", wait())) is None
    assert millrace.run_traces(listed) == ()
    assert millrace.list_runs(wait()) == ()
    assert millrace.find_run("run-1", wait()) is None


def test_an_item_that_is_not_blocked_is_not_retried(millrace: Backend) -> None:
    millrace.initialise(wait())
    add(millrace, "widget-0a1b", IntakeKind.TASK)

    with pytest.raises(ToolFailed):
        millrace.retry_item("widget-0a1b", "try again", wait())
    assert millrace.look_up("widget-0a1b", wait()).state is ItemState.QUEUED


def test_the_modes_are_named_without_a_workspace(millrace: Backend) -> None:
    modes = millrace.list_modes(wait())

    assert "default_pi" in modes
    assert len(set(modes)) == len(modes)
    assert not millrace.is_initialised


def test_a_list_of_modes_with_no_caller_waiting_is_given_up(millrace: Backend) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled):
        millrace.list_modes(Wait(cancellation))


def test_evidence_of_what_is_nowhere_is_empty(millrace: Backend) -> None:
    absent = millrace.look_up("nothing-0a1b", wait())
    evidence = millrace.gather_evidence(absent, wait())

    assert (evidence.items, evidence.stages, evidence.kind) == ((), (), None)


def test_a_caller_who_asked_to_stop_is_not_kept_waiting(millrace: Backend) -> None:
    millrace.initialise(wait())
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled):
        millrace.read_status(Wait(cancellation))


def test_an_observer_sees_no_daemon_and_no_watcher_and_is_answered_at_once(
    millrace: Backend,
) -> None:
    assert millrace.supervisor.find() is None
    assert not millrace.supervisor.is_watched()
    assert millrace.recent_events() == ()
    observer = millrace.supervisor.observe()
    try:
        observer.next_change(wait())
        cancellation = Cancellation()
        cancellation.cancel(CancelReason.INTERRUPTED)
        with pytest.raises(Cancelled):
            observer.next_change(Wait(cancellation))
    finally:
        observer.close()
    assert not millrace.is_initialised


def test_who_watches_is_seen_until_the_watch_is_left(millrace: Backend) -> None:
    lease = millrace.supervisor.lease(wait())
    seen = millrace.supervisor.is_watched()
    lease.leave(wait(), keep_daemon=False)

    assert (seen, millrace.supervisor.is_watched()) == (True, False)


def test_a_waiting_item_is_cancelled_at_once_where_no_daemon_runs(millrace: Backend) -> None:
    millrace.initialise(wait())
    add(millrace, "widget-0a1b", IntakeKind.TASK)

    receipt = millrace.cancel_item("widget-0a1b", "not needed", wait())
    after = millrace.look_up("widget-0a1b", wait())

    assert (receipt.applied, receipt.pending_command) == (True, None)
    assert after.state is ItemState.CANCELLED
    assert "not needed" in after.detail
    with pytest.raises(ToolFailed):
        millrace.cancel_item("widget-0a1b", "not needed", wait())


def test_a_pause_is_applied_once_and_ends(millrace: Backend) -> None:
    millrace.initialise(wait())

    applied = [millrace.pause(wait()).applied, millrace.pause(wait()).applied]
    paused = millrace.read_status(wait())
    ended = millrace.resume(wait()).applied

    assert (applied, ended) == ([True, False], True)
    assert (paused.paused, paused.pause_sources) == (True, "operator")
    assert not millrace.read_status(wait()).paused


def test_what_was_stored_names_its_items(millrace: Backend) -> None:
    assert list(millrace.stored_requests()) == []
    millrace.initialise(wait())
    add(millrace, "widget-0a1b", IntakeKind.TASK)
    add(millrace, "plan-2c3d", IntakeKind.IDEA)

    assert sorted(millrace.stored_requests()) == [("plan-2c3d", HASH), ("widget-0a1b", HASH)]


def test_the_stages_use_the_model_of_their_alias_once_the_mode_is_compiled(
    millrace: Backend,
) -> None:
    millrace.check_supported(wait())
    millrace.initialise(wait())
    with pytest.raises(ProtocolError):
        millrace.read_stage_models()

    change = AliasModel(alias="standard", model="a/b-1.5", thinking="low")
    with millrace.supervisor.control(wait()) as control:
        assert control.validate_mode("default_pi", wait()).ok
        before, mode = millrace.read_stage_models(), control.resolve_mode("default_pi")
        if not before.aliases:  # Millrace 0.18 and 0.19: the stages use the model that pi selects
            assert {each.model for each in before.stages} == {None}
            with pytest.raises(ToolFailed):
                control.set_stage_models((change,), wait())
            return
        stock = {each.alias: (each.thinking, each.origin) for each in before.aliases}
        control.set_stage_models((change,), wait())
        between = millrace.read_stage_models()
        assert [each.model for each in between.stages] == [each.model for each in before.stages]
        assert control.validate_mode("default_pi", wait()).ok
    after = millrace.read_stage_models()

    assert (before.mode, after.mode) == (mode, mode)
    assert stock == {
        "deep": ("xhigh", ModelOrigin.DEFAULT),
        "fast": ("high", ModelOrigin.DEFAULT),
        "standard": ("medium", ModelOrigin.DEFAULT),
    }
    assert all(each.on_agent for each in before.stages)
    models = {name: each for each in after.stages for name in each.stages}
    others = [each for each in before.stages if each.alias != "standard"]
    assert others == [each for each in after.stages if each.alias != "standard"]
    assert {each.origin for each in others} <= {ModelOrigin.DEFAULT}
    assert (models["builder"].model, models["builder"].thinking) == ("a/b-1.5", "low")
    assert models["builder"].origin is ModelOrigin.WORKSPACE


def test_a_folder_of_a_new_workspace_is_described_and_git_can_ignore_it(millrace: Backend) -> None:
    millrace.check_supported(wait())
    millrace.initialise(wait())

    folder = millrace.describe_folder(wait())
    millrace.ignore_folder()

    assert folder.name == "millrace-agents/"
    assert folder.files > 0
    assert folder.size > 0
    assert not millrace.describe_folder(wait()).is_shown_by_git
