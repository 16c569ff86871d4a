import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import ItemState, ItemStatus, WorkItem
from millracer.errors import ToolFailed, ToolTimeout, ToolUnsupported
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.files.items.ideas import idea_of_spec
from millracer.millrace.files.items.status import MillraceItems
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.documents import IntakeDocument, render_document
from millracer.millrace.intake.fields import hash_reference
from tests.support.fake_millrace import FakeMillrace

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HASH = "0123456789abcdef" * 4
ITEM = WorkItem(item_id="widget-0a1b", request_hash=HASH, named=True)
ARCHIVE_NAME = "widget-0a1b.20261122T162528Z.dffe721d.{state}.md"


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace" / "millrace-agents"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def fake(agents: Path) -> FakeMillrace:
    return FakeMillrace.beside(agents.parent)


def document(kind: IntakeKind = IntakeKind.TASK, item: WorkItem = ITEM) -> IntakeDocument:
    return render_document(item, kind, RequestBody(task="Make it blue"), created_at=NOW)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def look_up(fake: FakeMillrace, item_id: str = ITEM.item_id, seconds: float = 30) -> ItemStatus:
    items = MillraceItems(
        questions=MillraceQuestions(fake.calls),
        paths=WorkspacePaths(fake.workspace),
        now=lambda: NOW,
    )
    return items.look_up(item_id, Wait.for_seconds(seconds))


def idea_of(fake: FakeMillrace, spec_id: str) -> str | None:
    return idea_of_spec(WorkspacePaths(fake.workspace), spec_id)


def mail(agents: Path, name: str, command: str, payload: object, **archive: object) -> Path:
    envelope = {
        "command_id": name,
        "command": command,
        "issued_at": "2026-11-22T11:00:00Z",
        "payload": payload,
    }
    if archive:
        stored = {"archived_at": "2026-11-22T11:01:00Z", "envelope": envelope, **archive}
        return put(
            agents / f"state/mailbox/{archive['disposition']}/{name}.json", json.dumps(stored)
        )
    return put(agents / f"state/mailbox/incoming/{name}.json", json.dumps(envelope))


def task_payload(item_id: str = ITEM.item_id) -> dict[str, object]:
    return {
        "document": {
            "task_id": item_id,
            "references": ["README.md", hash_reference(HASH)],
        }
    }


def test_a_directory_that_was_never_used_holds_nothing_and_no_program_is_asked(
    tmp_path: Path,
) -> None:
    fake = FakeMillrace.beside(tmp_path)

    assert look_up(fake).state is ItemState.ABSENT
    assert fake.asked == []


@pytest.mark.parametrize("item_id", ["../x", "-x", "", "a b", "a/b"])
def test_an_id_millrace_cannot_have_is_absent_without_a_question(
    fake: FakeMillrace, item_id: str
) -> None:
    assert look_up(fake, item_id).state is ItemState.ABSENT
    assert fake.asked == []


def test_an_item_found_nowhere_costs_one_question(fake: FakeMillrace) -> None:
    fake.holds_nothing()

    assert look_up(fake) == ItemStatus(
        item_id=ITEM.item_id,
        state=ItemState.ABSENT,
        source=fake.source("queue show widget-0a1b"),
        observed_at=NOW,
    )
    assert fake.asked == ["queue show widget-0a1b"]


@pytest.mark.parametrize("kind", [IntakeKind.TASK, IntakeKind.PROBE])
def test_a_queued_item_is_reported_with_its_kind_and_its_requests_hash(
    agents: Path, fake: FakeMillrace, kind: IntakeKind
) -> None:
    path = put(agents / f"{kind}s/queue/widget-0a1b.md", document(kind).text)
    fake.shows(ITEM.item_id, kind.value, "queue", path)

    assert look_up(fake) == ItemStatus(
        item_id=ITEM.item_id,
        state=ItemState.QUEUED,
        source=fake.source("queue show widget-0a1b"),
        observed_at=NOW,
        kind=kind,
        millrace_id=ITEM.item_id,
        request_hash=HASH,
        path=str(path),
        work_kind=kind.value,
    )
    assert fake.asked == ["queue show widget-0a1b"]


def test_the_answer_of_millrace_counts_more_than_what_the_folders_showed_before(
    agents: Path, fake: FakeMillrace
) -> None:
    queued = put(agents / "tasks/queue/widget-0a1b.md", document().text)
    done = agents / "tasks/done/widget-0a1b.md"
    done.parent.mkdir()
    fake.shows(ITEM.item_id, "task", "done", done, moves=[[str(queued), str(done)]])

    found = look_up(fake)

    assert (found.state, found.path, found.request_hash) == (ItemState.DONE, str(done), HASH)
    assert len(fake.asked) == 1


def test_an_item_that_moved_during_the_question_is_read_again(
    agents: Path, fake: FakeMillrace
) -> None:
    mailed = mail(agents, "c1", "add_task", task_payload())
    queued = agents / "tasks/queue/widget-0a1b.md"
    queued.parent.mkdir(parents=True)
    put(agents / "hidden.md", document().text)
    processed = agents / "state/mailbox/processed/c1.json"
    processed.parent.mkdir(parents=True)
    fake.holds_nothing(
        once=True,
        moves=[[str(agents / "hidden.md"), str(queued)], [str(mailed), str(processed)]],
    )
    fake.shows(ITEM.item_id, "task", "queue", queued)

    assert look_up(fake).state is ItemState.QUEUED
    assert len(fake.asked) == 2


def test_the_answer_about_an_item_with_a_longer_id_is_not_mistaken_for_the_requested_one(
    agents: Path, fake: FakeMillrace
) -> None:
    other = put(agents / "tasks/queue/widget-0a1b.more.md", document().text)
    fake.shows(ITEM.item_id, "task", "queue", other)

    assert look_up(fake).state is ItemState.ABSENT


def test_behind_such_an_answer_the_folders_still_show_the_requested_item(
    agents: Path, fake: FakeMillrace
) -> None:
    other = put(agents / "tasks/queue/widget-0a1b.more.md", document().text)
    requested = put(agents / "tasks/done/widget-0a1b.md", document().text)
    fake.shows(ITEM.item_id, "task", "queue", other)

    found = look_up(fake)

    assert (found.state, found.source, found.path) == (
        ItemState.DONE,
        str(requested),
        str(requested),
    )


@pytest.mark.parametrize(
    ("place", "action", "state"),
    [
        (("queue/cancelled", "queue_cancelled"), "cancel", ItemState.CANCELLED),
        (("blocked/cancelled", "blocked_cancelled"), "cancel", ItemState.CANCELLED),
        (("blocked/cancelled", "blocked_cancelled"), "archive_blocked_task", ItemState.ARCHIVED),
        (("queue/superseded", "queue_superseded"), "supersede", ItemState.SUPERSEDED),
    ],
)
def test_an_archived_item_is_reported_with_what_was_done_to_it_and_why(
    agents: Path, fake: FakeMillrace, place: tuple[str, str], action: str, state: ItemState
) -> None:
    folder, said = place
    name = ARCHIVE_NAME.format(state="queue")
    path = put(agents / "tasks" / folder / name, document().text)
    records = [
        {"action": "cancel", "work_item_id": "x", "destination_path": "a/x.md", "reason": "other"},
        {
            "action": action,
            "work_item_id": ITEM.item_id,
            "destination_path": f"millrace-agents/tasks/{folder}/{name}",
            "reason": "no longer",
            "actor": "operator",
            "replacement_work_item_id": "new-1" if action == "supersede" else None,
        },
    ]
    log = "not json\n" + "".join(json.dumps(record) + "\n" for record in records)
    put(path.parent / "interventions.jsonl", log)
    fake.shows(ITEM.item_id, "task", said, path)

    found = look_up(fake)

    assert (found.state, found.request_hash) == (state, HASH)
    assert found.detail.startswith(action)
    assert "operator: no longer" in found.detail
    assert ("new-1" in found.detail) is (action == "supersede")


def test_of_two_archived_copies_the_newer_one_counts(agents: Path, fake: FakeMillrace) -> None:
    older = put(agents / "tasks/queue/cancelled" / ARCHIVE_NAME.format(state="queue"), "old")
    name = "widget-0a1b.20261123T000000Z.00000000.blocked.md"
    newer = put(agents / "tasks/queue/superseded" / name, document().text)
    fake.shows(ITEM.item_id, "task", "queue_cancelled", older)

    found = look_up(fake)

    assert (found.state, found.path) == (ItemState.SUPERSEDED, str(newer))
    assert found.source == str(newer)


def test_an_archived_item_with_a_longer_id_is_not_the_requested_one(
    agents: Path, fake: FakeMillrace
) -> None:
    name = "widget-0a1b.two.20261123T000000Z.00000000.queue.md"
    put(agents / "tasks/queue/cancelled" / name, document().text)
    fake.holds_nothing()

    assert look_up(fake).state is ItemState.ABSENT


def test_an_id_that_was_cancelled_as_a_task_and_lives_on_as_an_idea_is_live(
    agents: Path, fake: FakeMillrace
) -> None:
    put(agents / "tasks/queue/cancelled" / ARCHIVE_NAME.format(state="queue"), "old")
    path = put(agents / "specs/active/idea-widget-0a1b.md", "# the spec\n")
    fake.shows("idea-widget-0a1b", "spec", "active", path)

    found = look_up(fake)

    assert (found.state, found.millrace_id) == (ItemState.ACTIVE, "idea-widget-0a1b")


def test_a_document_that_moves_while_it_is_read_is_found_again(
    agents: Path, fake: FakeMillrace
) -> None:
    queued = put(agents / "tasks/queue/widget-0a1b.md", document().text)
    active = agents / "tasks/active/widget-0a1b.md"
    active.parent.mkdir()
    fake.shows(ITEM.item_id, "task", "queue", queued, moves=[[str(queued), str(active)]])

    assert look_up(fake).request_hash == HASH


def test_an_item_added_again_after_it_was_cancelled_is_live(
    agents: Path, fake: FakeMillrace
) -> None:
    path = put(agents / "tasks/queue/cancelled" / ARCHIVE_NAME.format(state="queue"), "old")
    mail(agents, "c1", "add_task", task_payload())
    fake.shows(ITEM.item_id, "task", "queue_cancelled", path)

    assert look_up(fake).state is ItemState.MAILBOX


@pytest.mark.parametrize("suffix", ["", ".1"])
@pytest.mark.parametrize("key", ["error", "error_message"])
def test_a_document_set_aside_as_unreadable_is_invalid_with_millraces_reason(
    agents: Path, fake: FakeMillrace, suffix: str, key: str
) -> None:
    put(agents / f"tasks/queue/widget-0a1b.md.invalid{suffix}", "torn")
    record = {"source_name": "widget-0a1b.md", key: "missing task_id"}
    put(agents / "tasks/queue/invalid-artifacts.jsonl", json.dumps(record) + "\n")
    fake.holds_nothing()

    found = look_up(fake)

    assert (found.state, found.detail) == (ItemState.INVALID, "missing task_id")


def test_a_document_millrace_cannot_read_yet_is_reported_with_its_error(
    agents: Path, fake: FakeMillrace
) -> None:
    put(agents / "tasks/queue/widget-0a1b.md", "torn")
    fake.answers("queue show", exit_code=1, stderr="ValidationError: 8 errors for TaskDocument\n")

    found = look_up(fake)

    assert (found.state, found.detail) == (
        ItemState.QUEUED,
        "ValidationError: 8 errors for TaskDocument",
    )


@pytest.mark.parametrize("claimed", [False, True])
def test_an_add_in_the_mailbox_is_live_with_its_hash(
    agents: Path,
    fake: FakeMillrace,
    claimed: bool,  # noqa: FBT001 - both forms of one file
) -> None:
    path = mail(agents, "c1", "add_task", task_payload())
    mail(agents, "c2", "add_task", task_payload("another"))
    mail(agents, "c3", "pause", {"note": ITEM.item_id})
    put(path.with_name("torn.json"), "{" + ITEM.item_id)
    if claimed:
        path = path.rename(path.with_name("c1.json.claimed"))
    fake.holds_nothing()

    found = look_up(fake)

    assert (found.state, found.kind, found.path) == (
        ItemState.MAILBOX,
        IntakeKind.TASK,
        str(path),
    )
    assert found.request_hash == HASH


def test_a_mailed_probe_and_a_mailed_idea_are_found_too(agents: Path, fake: FakeMillrace) -> None:
    idea = WorkItem(item_id="other-2c3d", request_hash=HASH, named=True)
    mail(agents, "c1", "add_probe", {"document": {"probe_id": ITEM.item_id, "references": []}})
    shaped = document(IntakeKind.IDEA, idea)
    mail(agents, "c2", "add_idea", {"source_name": shaped.file_name, "markdown": shaped.text})
    fake.holds_nothing()

    assert look_up(fake).kind is IntakeKind.PROBE
    found = look_up(fake, idea.item_id)
    assert (found.state, found.kind) == (ItemState.MAILBOX, IntakeKind.IDEA)
    assert found.request_hash == HASH


def test_a_foreign_command_that_mentions_the_id_is_foreign(
    agents: Path, fake: FakeMillrace
) -> None:
    mention = {"references": [ITEM.item_id]}
    mail(agents, "c1", "add_task", {"document": {"task_id": "a", **mention}})
    mail(agents, "c2", "add_probe", {"document": {"probe_id": "b", **mention}})
    mail(agents, "c3", "add_idea", {"source_name": "c.md", "markdown": ITEM.item_id})
    fake.holds_nothing()

    assert look_up(fake).state is ItemState.ABSENT


def test_a_refused_duplicate_of_an_item_that_is_gone_leaves_nothing(
    agents: Path, fake: FakeMillrace
) -> None:
    error = "task widget-0a1b already exists"
    mail(agents, "c1", "add_task", task_payload(), disposition="failed", error=error)
    fake.holds_nothing()

    assert look_up(fake).state is ItemState.ABSENT


def test_a_refused_add_is_reported_with_the_daemons_words(agents: Path, fake: FakeMillrace) -> None:
    mail(agents, "c1", "add_task", task_payload(), disposition="failed", error="no room")
    fake.holds_nothing()

    found = look_up(fake)

    assert (found.state, found.detail) == (ItemState.REFUSED, "no room")


def test_an_add_refused_as_a_duplicate_does_not_stand_for_the_item(
    agents: Path, fake: FakeMillrace
) -> None:
    error = "task widget-0a1b already exists"
    mail(agents, "c1", "add_task", task_payload(), disposition="failed", error=error)
    path = put(agents / "tasks/active/widget-0a1b.md", document().text)
    fake.shows(ITEM.item_id, "task", "active", path)

    assert look_up(fake).state is ItemState.ACTIVE


def test_what_was_processed_is_looked_for_in_the_queue_only(
    agents: Path, fake: FakeMillrace
) -> None:
    mail(agents, "c1", "add_task", task_payload(), disposition="processed")
    fake.holds_nothing()

    assert look_up(fake).state is ItemState.ABSENT


@pytest.mark.parametrize("inbox", ["ideas/inbox", "millrace-agents/intake/ideas/inbox"])
def test_an_idea_in_the_inbox_of_either_line_is_live(
    agents: Path, fake: FakeMillrace, inbox: str
) -> None:
    shaped = document(IntakeKind.IDEA)
    path = put(agents.parent / inbox / shaped.file_name, shaped.text)
    fake.holds_nothing()

    found = look_up(fake)

    assert (found.state, found.kind, found.work_kind) == (
        ItemState.INBOX,
        IntakeKind.IDEA,
        "idea",
    )
    assert (found.path, found.request_hash, found.detail) == (str(path), HASH, "")


def test_an_idea_that_is_not_taken_in_is_reported_with_the_reason(
    agents: Path, fake: FakeMillrace
) -> None:
    shaped = document(IntakeKind.IDEA)
    path = put(agents / "intake/ideas/inbox" / shaped.file_name, shaped.text)
    event = {
        "event_type": "idea_source_artifact_write_failed",
        "occurred_at": "2026-11-22T11:00:00Z",
        "data": {"idea_path": str(path), "error": "[Errno 36] File name too long"},
    }
    put(agents / "logs/runtime_events.jsonl", json.dumps(event) + "\n")
    fake.holds_nothing()

    assert "File name too long" in look_up(fake).detail


def test_an_idea_set_aside_as_unusable_is_invalid(agents: Path, fake: FakeMillrace) -> None:
    shaped = document(IntakeKind.IDEA)
    put(agents / "intake/ideas/invalid" / shaped.file_name, shaped.text)
    fake.holds_nothing()

    assert look_up(fake).state is ItemState.INVALID


def test_an_ideas_spec_is_found_by_the_files_stem_up_to_0_20(
    agents: Path, fake: FakeMillrace
) -> None:
    shaped = document(IntakeKind.IDEA)
    put(agents.parent / "ideas/inbox" / shaped.file_name, shaped.text)
    put(agents / "intake/ideas/idea-widget-0a1b.md", shaped.text)
    path = put(agents / "specs/active/idea-widget-0a1b.md", "# the spec\n")
    fake.shows("idea-widget-0a1b", "spec", "active", path)

    found = look_up(fake)

    assert (found.state, found.kind, found.work_kind) == (
        ItemState.ACTIVE,
        IntakeKind.IDEA,
        "spec",
    )
    assert (found.millrace_id, found.request_hash) == ("idea-widget-0a1b", HASH)
    assert fake.asked == ["queue show idea-widget-0a1b"]
    assert idea_of(fake, "idea-widget-0a1b") == "idea-widget-0a1b"
    put(agents.parent / ".millracer/intake" / shaped.file_name, shaped.text)
    assert idea_of(fake, "idea-widget-0a1b") == ITEM.item_id


@pytest.mark.parametrize("key", ["source_path", "archived_source"])
def test_an_ideas_spec_is_found_by_the_note_0_21_writes(
    agents: Path, fake: FakeMillrace, key: str
) -> None:
    shaped = document(IntakeKind.IDEA)
    spec_id = "idea-make-it-blue-73734612be"
    note = {"spec_id": spec_id, "source_path": "elsewhere.md"}
    note[key] = f"millrace-agents/intake/ideas/inbox/{shaped.file_name}"
    put(agents / f"intake/ideas/normalized/{spec_id}.json", json.dumps(note))
    put(
        agents / "intake/ideas/normalized/another.json",
        json.dumps({"spec_id": "idea-other", "source_path": f"x{shaped.file_name}"}),
    )
    put(agents / "specs/done/idea-other.md", "# of an idea whose file name ends like ours\n")
    put(agents / f"intake/sources/idea/{spec_id}.md", shaped.text)
    path = put(agents / f"specs/queue/{spec_id}.md", "# the spec\n")
    fake.shows(spec_id, "spec", "queue", path)

    found = look_up(fake)

    assert (found.state, found.millrace_id, found.request_hash) == (
        ItemState.QUEUED,
        spec_id,
        HASH,
    )
    put(agents.parent / ".millracer/intake" / shaped.file_name, shaped.text)
    assert idea_of(fake, spec_id) == ITEM.item_id
    assert idea_of(fake, "idea-of-something-else") is None


def test_a_cancelled_spec_counts_more_than_the_inbox_file_that_0_20_leaves(
    agents: Path, fake: FakeMillrace
) -> None:
    shaped = document(IntakeKind.IDEA)
    put(agents.parent / "ideas/inbox" / shaped.file_name, shaped.text)
    name = f"idea-{ARCHIVE_NAME.format(state='queue')}"
    path = put(agents / "specs/queue/cancelled" / name, "# the spec\n")
    fake.shows("idea-widget-0a1b", "spec", "queue_cancelled", path)

    assert look_up(fake).state is ItemState.CANCELLED


@pytest.mark.parametrize("from_idea", [True, False])
def test_a_spec_named_by_its_own_id_says_whether_an_idea_made_it(
    agents: Path,
    fake: FakeMillrace,
    from_idea: bool,  # noqa: FBT001 - both cases of one rule
) -> None:
    path = put(agents / "specs/queue/spec-9.md", "# the spec\n")
    if from_idea:
        put(agents / "intake/sources/idea/spec-9.md", document(IntakeKind.IDEA).text)
    fake.shows("spec-9", "spec", "queue", path)

    found = look_up(fake, "spec-9")

    assert (found.work_kind, found.kind) == ("spec", IntakeKind.IDEA if from_idea else None)
    assert found.request_hash == (HASH if from_idea else None)


def test_an_incident_is_of_no_intake_kind(agents: Path, fake: FakeMillrace) -> None:
    path = put(agents / "incidents/incoming/inc-1.md", "# it\n")
    fake.shows("inc-1", "incident", "incoming", path)

    found = look_up(fake, "inc-1")

    assert (found.state, found.kind, found.work_kind) == (ItemState.QUEUED, None, "incident")


def test_in_a_workspace_of_an_older_millrace_the_folders_speak(
    agents: Path, fake: FakeMillrace
) -> None:
    put(agents / "tasks/done/widget-0a1b.md", document().text)
    fake.answers("queue show", exit_code=1, stdout="error: workspace is not initialized: /w\n")

    assert look_up(fake).state is ItemState.DONE


def test_a_broken_install_is_not_an_answer(agents: Path, fake: FakeMillrace) -> None:
    fake.answers("queue show", exit_code=1, stderr="ModuleNotFoundError: No module named 'click'\n")

    with pytest.raises(ToolUnsupported, match="click") as caught:
        look_up(fake)
    assert "`millracer setup`" in (caught.value.suggested_action or "")


def test_a_refusal_for_another_reason_is_an_error_with_millraces_line(
    agents: Path, fake: FakeMillrace
) -> None:
    fake.answers("queue show", exit_code=1, stdout="error: Directory '/w' is not writable.\n")

    with pytest.raises(ToolFailed, match="not writable"):
        look_up(fake)


def test_a_hanging_millrace_ends_at_the_deadline(agents: Path, fake: FakeMillrace) -> None:
    fake.answers("queue show", seconds=60)

    with pytest.raises(ToolTimeout):
        look_up(fake, seconds=0.3)
