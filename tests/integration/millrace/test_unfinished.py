import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import ItemState, UnfinishedItem, WorkItem
from millracer.millrace.files.event_log import recent_events
from millracer.millrace.files.folders import documents_in
from millracer.millrace.files.items.locate import find_place
from millracer.millrace.files.items.unfinished import _collect, list_unfinished
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.documents import render_document
from millracer.millrace.intake.fields import hash_reference

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HASH = "0123456789abcdef" * 4
SPEC = "idea-make-it-blue-0123456789"
FOREIGN = "# Somebody's own words\n\nTask-ID: theirs\n"

Steps = Sequence[Callable[[], object]]


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "millrace-agents"
    folder.mkdir()
    return folder


def left(agents: Path) -> tuple[UnfinishedItem, ...]:
    return list_unfinished(WorkspacePaths(agents.parent))


def states(agents: Path) -> list[tuple[str, str, str]]:
    return [(item.work_kind, item.item_id, item.state.value) for item in left(agents)]


def own_document(kind: IntakeKind, item_id: str = "widget-0a1b", task: str = "Make it blue") -> str:
    item = WorkItem(item_id=item_id, request_hash=HASH, named=True)
    return render_document(item, kind, RequestBody(task=task), created_at=NOW).text


def put(path: Path, text: str, *, at: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if at is not None:
        os.utime(path, (at, at))
    return path


def mail(agents: Path, name: str, command: str, payload: object) -> Path:
    envelope = {
        "command_id": name,
        "command": command,
        "issued_at": "2026-11-22T11:00:00Z",
        "payload": payload,
    }
    return put(agents / f"state/mailbox/incoming/{name}.json", json.dumps(envelope))


def mail_task(agents: Path, item_id: str = "widget-0a1b") -> Path:
    document = {
        "task_id": item_id,
        "title": "Make it blue",
        "references": ["README.md", hash_reference(HASH)],
    }
    return mail(agents, f"add_task-{item_id}", "add_task", {"document": document})


def mail_idea(agents: Path, item_id: str = "widget-0a1b") -> Path:
    payload = {
        "source_name": f"idea-{item_id}.md",
        "markdown": own_document(IntakeKind.IDEA, item_id),
    }
    return mail(agents, f"add_idea-{item_id}", "add_idea", payload)


def note(agents: Path, spec_id: str, source_name: str) -> Path:
    text = json.dumps(
        {"spec_id": spec_id, "source_path": f"millrace-agents/intake/ideas/inbox/{source_name}"}
    )
    return put(agents / f"intake/ideas/normalized/{spec_id}.json", text)


def target(agents: Path, spec_id: str, **more: object) -> Path:
    state = {"root_spec_id": spec_id, "closure_open": True, **more}
    return put(agents / f"arbiter/targets/{spec_id}.json", json.dumps(state))


def refusing(function: Callable[..., object], closed: set[Path]) -> Callable[..., object]:
    """The function, save that it may not touch some paths."""

    def call(path: str | bytes | Path, *more: object, **named: object) -> object:
        if Path(os.fsdecode(path)) in closed:
            raise PermissionError(13, "Permission denied", str(path))
        return function(path, *more, **named)

    return call


@pytest.mark.parametrize("folder", ["tasks/queue", "specs/blocked", "intake/ideas/inbox"])
def test_a_workspace_that_was_never_initialised_has_nothing(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder / "widget.md", FOREIGN)
    put(tmp_path / "ideas/inbox/plan.md", FOREIGN)

    assert list_unfinished(WorkspacePaths(tmp_path)) == ()


@pytest.mark.parametrize(
    ("kind", "folder", "state"),
    [
        ("task", "tasks/queue", ItemState.QUEUED),
        ("task", "tasks/active", ItemState.ACTIVE),
        ("task", "tasks/blocked", ItemState.BLOCKED),
        ("probe", "probes/queue", ItemState.QUEUED),
        ("spec", "specs/active", ItemState.ACTIVE),
        ("incident", "incidents/incoming", ItemState.QUEUED),
        ("incident", "incidents/active", ItemState.ACTIVE),
        ("incident", "incidents/blocked", ItemState.BLOCKED),
    ],
)
def test_each_folder_of_unfinished_work_is_read(
    agents: Path, kind: str, folder: str, state: ItemState
) -> None:
    path = put(agents / folder / "widget-0a1b.md", own_document(IntakeKind.TASK))

    assert left(agents) == (
        UnfinishedItem(
            item_id="widget-0a1b",
            work_kind=kind,
            state=state,
            title="Make it blue",
            ours=True,
            path=str(path),
        ),
    )


def test_what_ended_or_was_set_aside_is_not_left(agents: Path) -> None:
    for folder in (
        *("tasks/done", "probes/done", "specs/done", "incidents/resolved"),
        *("tasks/queue/cancelled", "tasks/blocked/superseded"),
        *("intake/ideas/archived", "intake/ideas/invalid", "learning/requests/queue"),
    ):
        put(agents / folder / "widget.md", FOREIGN)
    put(agents / "tasks/queue/widget.md.invalid", FOREIGN)
    put(agents / "tasks/queue/invalid-artifacts.jsonl", "{}\n")
    put(agents / "state/mailbox/failed/add_task-1.json", "{}")

    assert left(agents) == ()


def test_foreign_items_are_distinguished_from_the_requested_ones(agents: Path) -> None:
    put(agents / "tasks/queue/theirs.md", FOREIGN, at=2)
    put(agents / "probes/queue/widget-0a1b.md", own_document(IntakeKind.PROBE), at=1)

    assert [(item.title, item.ours) for item in left(agents)] == [
        ("Somebody's own words", False),
        ("Make it blue", True),
    ]


def test_the_newest_comes_first_within_active_queued_and_blocked(agents: Path) -> None:
    for number, folder in enumerate(
        ["tasks/blocked", "probes/queue", "tasks/active", "specs/blocked", "tasks/queue"]
    ):
        put(agents / folder / f"old-{number}.md", FOREIGN, at=100 + number)
        put(agents / folder / f"new-{number}.md", FOREIGN, at=200 + number)
    put(agents / "intake/ideas/inbox/plan.md", FOREIGN, at=999)
    mail_task(agents, "mailed")

    assert [item.item_id for item in left(agents)] == [
        *("new-2", "old-2"),
        *("new-4", "new-1", "old-4", "old-1"),
        *("plan", "mailed"),
        *("new-3", "new-0", "old-3", "old-0"),
    ]


def test_what_waits_in_the_mailbox_is_left_in_every_kind(agents: Path) -> None:
    mailed = mail_task(agents)
    mailed.rename(mailed.with_name(f"{mailed.name}.claimed"))
    mail_idea(agents, "plan-2c3d")
    probe = {"probe_id": "look", "title": None, "references": []}
    mail(agents, "add_probe-1", "add_probe", {"document": probe})
    mail(agents, "add_spec-1", "add_spec", {"document": {"spec_id": "spec-1", "title": "A spec"}})
    mail(agents, "add_task-x", "add_task", {"document": {"task_id": "../../x"}})
    mail(agents, "pause-1", "pause", {})
    put(agents / "state/mailbox/incoming/torn.json", '{"command_id": "to')

    assert {(i.work_kind, i.item_id, i.state, i.title, i.ours) for i in left(agents)} == {
        ("task", "widget-0a1b", ItemState.MAILBOX, "Make it blue", True),
        ("idea", "plan-2c3d", ItemState.MAILBOX, "Make it blue", True),
        ("probe", "look", ItemState.MAILBOX, "look", False),
        ("spec", "spec-1", ItemState.MAILBOX, "A spec", False),
    }


def test_a_command_left_behind_by_a_killed_daemon_does_not_list_its_item_again(
    agents: Path,
) -> None:
    mail_task(agents, "ended")
    mail_task(agents, "queued")
    mail_idea(agents, "plan-2c3d")
    put(agents / "tasks/done/ended.md", FOREIGN)
    put(agents / "tasks/queue/queued.md", FOREIGN)
    put(agents / "intake/ideas/inbox/idea-plan-2c3d.md", own_document(IntakeKind.IDEA, "plan-2c3d"))

    assert states(agents) == [("task", "queued", "queued"), ("idea", "plan-2c3d", "inbox")]


@pytest.mark.parametrize("inbox", ["millrace-agents/intake/ideas/inbox", "ideas/inbox"])
def test_an_idea_in_the_inbox_is_known_by_its_id_and_a_persons_by_its_name(
    agents: Path, inbox: str
) -> None:
    folder = agents.parent / inbox
    path = put(folder / "idea-plan-2c3d.md", own_document(IntakeKind.IDEA, "plan-2c3d"), at=3)
    put(folder / "idea-mine.md", "just words\n", at=2)
    put(folder / "empty.md", "", at=1)

    assert [(i.item_id, i.work_kind, i.title, i.ours) for i in left(agents)] == [
        ("plan-2c3d", "idea", "Make it blue", True),
        ("idea-mine", "idea", "just words", False),
        ("empty", "idea", "empty", False),
    ]
    assert left(agents)[0].path == str(path)


@pytest.mark.parametrize("name", ["idea-plan-2c3d.md", "plan-2c3d.md", "Plan 2c3d!.md"])
@pytest.mark.parametrize(("state", "seen"), [("queue", "queued"), ("done", None)])
def test_an_inbox_file_that_stays_is_not_listed_beside_its_spec(
    agents: Path, name: str, state: str, seen: str | None
) -> None:
    spec_id = "idea-Plan-2c3d" if " " in name else "idea-plan-2c3d"
    put(agents.parent / "ideas/inbox" / name, FOREIGN)
    put(agents / f"intake/ideas/{spec_id}.md", FOREIGN)
    put(agents / f"specs/{state}/{spec_id}.md", "# A spec\n")

    assert states(agents) == ([] if seen is None else [("spec", spec_id, seen)])


def test_an_idea_whose_spec_was_not_queued_yet_is_still_in_the_inbox(agents: Path) -> None:
    text = own_document(IntakeKind.IDEA, "plan-2c3d")
    put(agents / "intake/ideas/inbox/idea-plan-2c3d.md", text)
    put(agents / f"intake/sources/idea/{SPEC}.md", text)
    note(agents, SPEC, "idea-plan-2c3d.md")
    put(agents / f"tasks/done/{SPEC}.md", FOREIGN)

    assert states(agents) == [("idea", "plan-2c3d", "inbox")]


def test_a_cancelled_spec_does_not_bring_its_idea_back(agents: Path) -> None:
    put(agents.parent / "ideas/inbox/plan.md", FOREIGN)
    put(agents / "intake/ideas/idea-plan.md", FOREIGN)
    name = "idea-plan.20261122T162528Z.dffe721d.cancelled.md"
    put(agents / "specs/queue/cancelled" / name, FOREIGN)

    assert left(agents) == ()


def test_another_idea_under_a_name_that_was_used_before_is_left(agents: Path) -> None:
    note(agents, SPEC, "plan.md")
    put(agents / f"intake/sources/idea/{SPEC}.md", "The first idea\n")
    put(agents / f"specs/done/{SPEC}.md", FOREIGN)
    inbox = put(agents / "intake/ideas/inbox/plan.md", "The second idea\n")

    assert states(agents) == [("idea", "plan", "inbox")]

    inbox.write_text("The first idea\n", encoding="utf-8")

    assert left(agents) == ()


@pytest.mark.parametrize("source", ["intake/sources/idea", "intake/ideas"])
def test_a_spec_belongs_to_the_idea_by_its_source_or_its_references(
    agents: Path, source: str
) -> None:
    put(agents / f"specs/active/{SPEC}.md", "# Blue\n", at=3)
    put(agents / source / f"{SPEC}.md", own_document(IntakeKind.IDEA))
    put(agents / "specs/active/derived.md", f"# B\n\nReferences:\n- {hash_reference(HASH)}\n", at=2)
    put(agents / "specs/active/theirs.md", "# C\n", at=1)
    put(agents / f"tasks/active/{SPEC}.md", "# D\n", at=0)

    assert [(i.item_id, i.title, i.ours) for i in left(agents)] == [
        (SPEC, "Blue", True),
        ("derived", "B", True),
        ("theirs", "C", False),
        (SPEC, "D", False),
    ]


def test_a_root_spec_is_left_until_its_lineage_is_closed(agents: Path) -> None:
    path = put(agents / f"specs/done/{SPEC}.md", "# Blue\n")
    target(agents, SPEC)

    assert [(i.item_id, i.state, i.path) for i in left(agents)] == [
        (SPEC, ItemState.ACTIVE, str(path))
    ]

    target(agents, SPEC, closure_open=False)

    assert left(agents) == ()


def test_a_lineage_is_blocked_only_while_nothing_of_what_blocks_it_is_tried_again(
    agents: Path,
) -> None:
    put(agents / f"specs/done/{SPEC}.md", "# Blue\n")
    target(agents, SPEC, closure_blocked_by_lineage_work=True, blocking_work_ids=["t-1", "t-2"])
    blocked = put(agents / "tasks/blocked/t-1.md", FOREIGN)
    put(agents / "tasks/blocked/t-2.md", FOREIGN)

    assert ("spec", SPEC, "blocked") in states(agents)

    put(agents / "tasks/queue/here", "")
    blocked.rename(agents / "tasks/queue/t-1.md")

    assert states(agents)[:2] == [("spec", SPEC, "active"), ("task", "t-1", "queued")]


def test_an_open_lineage_changes_nothing_of_a_spec_in_another_state(
    agents: Path,
) -> None:
    put(agents / f"specs/queue/{SPEC}.md", "# Blue\n")
    target(agents, "nowhere")
    put(agents / "specs/done/other.md", FOREIGN)
    target(agents, SPEC).rename(agents / "arbiter/targets/other.json")
    target(agents, SPEC, closure_blocked_by_lineage_work=True)
    put(agents / "arbiter/targets/torn.json", "{")

    assert states(agents) == [("spec", SPEC, "queued")]


def test_titles_and_ids_of_others_stay_as_they_are(agents: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J \u202egnp.exe [red]x[/] ' \"; rm"
    put(agents / "tasks/queue/theirs.md", f"# {hostile}\n\nTitle: other\n", at=2)
    put(agents / "tasks/queue/-a b\x1b.md", "\0\n", at=1)

    assert [(i.item_id, i.title) for i in left(agents)] == [
        ("theirs", hostile),
        ("-a b\x1b", "\0"),
    ]


def test_what_cannot_be_read_is_listed_under_its_id(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = put(agents / "tasks/blocked/secret.md", own_document(IntakeKind.TASK), at=3)
    put(agents / "tasks/blocked/bytes.md", "", at=2).write_bytes(b"\xff\xfe\x00")
    put(agents / "tasks/blocked/empty.md", "", at=1)
    monkeypatch.setattr(os, "open", refusing(os.open, {secret}))
    items = {item.item_id: item for item in left(agents)}

    assert (items["secret"].title, items["secret"].ours) == ("secret", False)
    assert items["empty"].title == "empty"
    assert items["bytes"].state is ItemState.BLOCKED


def test_a_special_file_is_passed_over(agents: Path) -> None:
    queue = agents / "tasks/queue"
    (queue / "folder.md").mkdir(parents=True)
    os.mkfifo(queue / "pipe.md")
    (queue / "loop.md").symlink_to("loop.md")
    (queue / "dangling.md").symlink_to("nowhere")

    assert list(documents_in(queue)) == []
    assert left(agents) == ()


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_any_file_blocks_no_read(agents: Path) -> None:
    for move in MOVES.values():
        for step in move(agents):
            step()
    paths = WorkspacePaths(agents.parent)
    paths.event_log.parent.mkdir(parents=True, exist_ok=True)
    files = [*filter(Path.is_file, agents.parent.rglob("*")), paths.event_log]
    assert len(files) > len(MOVES)
    for path in files:
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    assert left(agents) == ()
    assert recent_events(paths) == ()
    assert find_place(paths, "widget-0a1b") is None


def test_unreadable_folders_are_empty(agents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(agents / "tasks/queue/widget.md", FOREIGN)
    put(agents / "tasks/blocked/closed.md", FOREIGN)
    mail_task(agents)
    closed = {agents / "tasks/blocked", agents / "state/mailbox/incoming"}
    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), closed))

    assert states(agents) == [("task", "widget", "queued")]


# Items that move during a read: the steps of each move are taken before the n-th read of the
# disk, for every n there is, all at once and one per read.


def renaming(source: Path, destination: Path) -> Callable[[], object]:
    destination.parent.mkdir(parents=True, exist_ok=True)
    return lambda: source.rename(destination)


def in_folders(source: str, destination: str) -> Callable[[Path], Steps]:
    def steps(agents: Path) -> Steps:
        path = put(agents / source / "widget-0a1b.md", own_document(IntakeKind.TASK))
        return [renaming(path, agents / destination / path.name)]

    return steps


def claimed(agents: Path) -> Steps:
    path = mail_task(agents)
    return [renaming(path, path.with_name(f"{path.name}.claimed"))]


def taken_from_the_mailbox(agents: Path) -> Steps:
    path = mail_task(agents)
    queued = agents / "tasks/queue/widget-0a1b.md"
    return [
        lambda: put(queued, own_document(IntakeKind.TASK)),
        renaming(path, agents / "state/mailbox/processed" / path.name),
    ]


def put_in_the_inbox(agents: Path) -> Steps:
    path = mail_idea(agents)
    text = own_document(IntakeKind.IDEA)
    return [
        lambda: put(agents / "intake/ideas/inbox/idea-widget-0a1b.md", text),
        renaming(path, agents / "state/mailbox/processed" / path.name),
    ]


def made_into_a_spec(agents: Path) -> Steps:
    text = own_document(IntakeKind.IDEA)
    path = put(agents / "intake/ideas/inbox/idea-widget-0a1b.md", text)
    return [
        lambda: put(agents / f"intake/sources/idea/{SPEC}.md", text),
        lambda: note(agents, SPEC, path.name),
        lambda: put(agents / f"specs/queue/{SPEC}.md", "# Make it blue\n"),
        renaming(path, agents / "intake/ideas/archived" / path.name),
    ]


def made_into_a_spec_and_kept(agents: Path) -> Steps:
    text = own_document(IntakeKind.IDEA)
    put(agents.parent / "ideas/inbox/idea-widget-0a1b.md", text)
    return [
        lambda: put(agents / "intake/ideas/idea-widget-0a1b.md", text),
        lambda: put(agents / "specs/queue/idea-widget-0a1b.md", "# Make it blue\n"),
    ]


def handed_to_the_arbiter(agents: Path) -> Steps:
    target(agents, SPEC)
    path = put(agents / f"specs/active/{SPEC}.md", "# Make it blue\n")
    put(agents / f"intake/sources/idea/{SPEC}.md", own_document(IntakeKind.IDEA))
    return [renaming(path, agents / "specs/done" / path.name)]


MOVES = {
    "claimed by Millrace": in_folders("tasks/queue", "tasks/active"),
    "blocked": in_folders("tasks/active", "tasks/blocked"),
    "sent back to the queue": in_folders("tasks/active", "tasks/queue"),
    "tried again": in_folders("tasks/blocked", "tasks/queue"),
    "incident": in_folders("incidents/incoming", "incidents/active"),
    "mail claimed": claimed,
    "mail taken in": taken_from_the_mailbox,
    "idea taken in": put_in_the_inbox,
    "idea became a spec": made_into_a_spec,
    "idea became a spec and stays": made_into_a_spec_and_kept,
    "spec done, lineage open": handed_to_the_arbiter,
}


class Disk:
    """Counts reads of the disk and takes the steps of a move before chosen ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        self._due: list[tuple[int, Callable[[], object]]] = []
        self._moving = False
        for module, name in (
            *((os, "scandir"), (os, "listdir")),
            *((os.path, "isfile"), (os, "open")),
        ):
            monkeypatch.setattr(module, name, self._watched(getattr(module, name)))

    def begin(self, steps: Steps, first: int, apart: int) -> None:
        self.reads = 0
        self._due = [(first + apart * number, step) for number, step in enumerate(steps)]

    @property
    def is_through(self) -> bool:
        """Whether the move was over before the last read."""
        return not self._due

    def _watched(self, function: Callable[..., object]) -> Callable[..., object]:
        def read(*arguments: object, **named: object) -> object:
            if not self._moving:
                self._moving = True
                try:
                    while self._due and self._due[0][0] <= self.reads:
                        self._due.pop(0)[1]()
                finally:
                    self._moving = False
                self.reads += 1
            return function(*arguments, **named)

        return read


@pytest.mark.parametrize("apart", [0, 3], ids=["at once", "in steps"])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_an_item_on_its_way_is_listed_once_whenever_it_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: Callable[[Path], Steps], apart: int
) -> None:
    disk = Disk(monkeypatch)
    for first in range(10_000):
        agents = tmp_path / str(first) / "millrace-agents"
        agents.mkdir(parents=True)
        disk.begin(move(agents), first, apart)
        found = left(agents)
        over = disk.is_through
        disk.begin((), 0, 0)

        assert len(found) == 1, f"moved at look {first}: {found}"
        assert found[0].ours
        assert found[0].title == "Make it blue"
        if not over:
            break
    assert first > 20, "the move was never met on its way"


def test_what_ends_while_it_is_looked_for_is_listed_at_most_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    counts = []
    for first in range(10_000):
        agents = tmp_path / str(first) / "millrace-agents"
        steps = in_folders("tasks/active", "tasks/done")(agents)
        disk.begin(steps, first, 0)
        counts.append(len(left(agents)))
        over = disk.is_through
        disk.begin((), 0, 0)
        if not over:
            break

    assert set(counts) == {0, 1}
    assert counts == sorted(counts)


def test_a_command_that_was_refused_since_it_was_met_is_not_left(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mail_task(agents)
    refuse = renaming(path, agents / "state/mailbox/failed" / path.name)
    disk = Disk(monkeypatch)
    _collect(WorkspacePaths(agents.parent))
    disk.begin([refuse], 2 * disk.reads, 0)

    assert left(agents) == ()
    assert disk.is_through


def test_work_that_is_handed_on_is_met_in_the_old_shape_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    for first in range(10_000):
        agents = tmp_path / str(first) / "millrace-agents"
        probe = put(agents / "probes/active/look.md", FOREIGN)
        task = agents / "tasks/queue/look-task.md"
        steps = [lambda task=task: put(task, FOREIGN), renaming(probe, agents / "probes/done/l.md")]
        disk.begin(steps, first, 0)
        found = [item.item_id for item in left(agents)]
        over = disk.is_through
        disk.begin((), 0, 0)

        assert sorted(found) in (["look"], ["look-task"], ["look", "look-task"])
        if not over:
            break
