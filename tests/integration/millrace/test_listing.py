"""All items are listed from the folders, in any state, each once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from millracer.domain.work.items import ItemState
from millracer.millrace.files.items.listing import item_titles, list_items
from millracer.millrace.files.workspace import WorkspacePaths


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "millrace-agents"
    folder.mkdir()
    return folder


def put(path: Path, *, at: float, title: str = "Make it blue") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {title}\n", encoding="utf-8")
    os.utime(path, (at, at))


def listed(agents: Path) -> list[tuple[str, str, ItemState]]:
    items = list_items(WorkspacePaths(agents.parent))
    return [(item.work_kind, item.item_id, item.state) for item in items]


def test_items_in_every_state_are_listed_the_last_written_first(agents: Path) -> None:
    put(agents / "tasks" / "done" / "a.md", at=1)
    put(agents / "probes" / "active" / "b.md", at=2)
    put(agents / "specs" / "blocked" / "c.md", at=3)
    put(agents / "incidents" / "resolved" / "d.md", at=4)
    put(agents / "tasks" / "queue" / "cancelled" / "e.20261122T120000Z.0a1b2c3d.cancel.md", at=5)
    put(agents / "tasks" / "queue" / "f.md.invalid", at=6)

    assert listed(agents) == [
        ("task", "f", ItemState.INVALID),
        ("task", "e", ItemState.CANCELLED),
        ("incident", "d", ItemState.DONE),
        ("spec", "c", ItemState.BLOCKED),
        ("probe", "b", ItemState.ACTIVE),
        ("task", "a", ItemState.DONE),
    ]


def test_an_item_is_listed_once_where_it_is_now(agents: Path) -> None:
    put(agents / "tasks" / "queue" / "a.md", at=1)
    put(agents / "tasks" / "queue" / "cancelled" / "a.20261122T120000Z.0a1b2c3d.cancel.md", at=2)

    assert listed(agents) == [("task", "a", ItemState.QUEUED)]


def test_a_title_comes_from_the_document_and_an_unreadable_one_is_listed(agents: Path) -> None:
    put(agents / "tasks" / "done" / "a.md", at=1, title="Make it red")
    (agents / "tasks" / "done" / "b.md").write_bytes(b"\xff\xfe")

    titles = {item.item_id: item.title for item in list_items(WorkspacePaths(agents.parent))}

    assert titles["a"] == "Make it red"
    assert "b" in titles


def test_a_directory_that_millrace_never_used_has_no_items(tmp_path: Path) -> None:
    assert list_items(WorkspacePaths(tmp_path)) == ()


def test_the_titles_of_some_items_come_from_their_documents(agents: Path) -> None:
    put(agents / "tasks" / "done" / "a.md", at=1, title="Make it red")
    put(agents / "tasks" / "queue" / "cancelled" / "b.20261122T120000Z.0a1b2c3d.cancel.md", at=2)
    put(agents / "tasks" / "done" / "c.md", at=3, title="Make it grey")

    titles = item_titles(WorkspacePaths(agents.parent), ["a", "b", "gone"])

    assert titles == {"a": "Make it red", "b": "Make it blue"}
