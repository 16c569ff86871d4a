"""What a failed add left in Millrace's folders goes, unless it is whole."""

from pathlib import Path

import pytest

from millracer.domain.requests import IntakeKind
from millracer.millrace.files.items.partial_add import remove_half_added
from millracer.millrace.files.workspace import WorkspacePaths

ITEM = "t-1"
DOCUMENT = """\
# Make it blue

Task-ID: t-1
Created-At: 2026-01-01T00:00:00+00:00

Acceptance:
- | just words
- End of the request.
"""
RENDERED = DOCUMENT.replace("+00:00", "Z")
PLACES = {
    IntakeKind.TASK: "millrace-agents/tasks/queue/t-1.md",
    IntakeKind.PROBE: "millrace-agents/probes/queue/t-1.md",
    IntakeKind.IDEA: "millrace-agents/intake/ideas/inbox/idea-t-1.md",
}


def failed_add(root: Path, kind: IntakeKind, left: str | None) -> Path:
    """Play an add that failed and left this; return where."""
    document = root / ".millracer" / "intake" / Path(PLACES[kind]).name
    place = root / PLACES[kind]
    for path in (document, place):
        path.parent.mkdir(parents=True)
    document.write_text(DOCUMENT, encoding="utf-8")
    if left is not None:
        place.write_text(left, encoding="utf-8")
    remove_half_added(WorkspacePaths(root), document, kind, ITEM)
    return place


@pytest.mark.parametrize("kind", IntakeKind)
@pytest.mark.parametrize("left", ["", RENDERED[:40], RENDERED[:-5]], ids=["none", "head", "most"])
def test_what_is_not_whole_is_removed(tmp_path: Path, kind: IntakeKind, left: str) -> None:
    assert not failed_add(tmp_path, kind, left).exists()


@pytest.mark.parametrize("kind", IntakeKind)
def test_what_is_whole_was_added_and_stays(tmp_path: Path, kind: IntakeKind) -> None:
    assert failed_add(tmp_path, kind, RENDERED).read_text(encoding="utf-8") == RENDERED


def test_where_nothing_was_left_nothing_is_removed(tmp_path: Path) -> None:
    assert not failed_add(tmp_path, IntakeKind.TASK, None).exists()


def test_another_items_file_is_let_alone(tmp_path: Path) -> None:
    other = tmp_path / "millrace-agents" / "tasks" / "queue" / "t-10.md"
    place = failed_add(tmp_path, IntakeKind.TASK, "")
    other.touch()
    remove_half_added(
        WorkspacePaths(tmp_path), tmp_path / ".millracer/intake/t-1.md", IntakeKind.TASK, ITEM
    )

    assert not place.exists()
    assert other.exists()
