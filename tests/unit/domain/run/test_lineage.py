from datetime import UTC, datetime

from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import Evidence, ItemFact, LineageItem, SpawnFact, lineage_of
from millracer.domain.work.items import ItemState

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def fact(item_id: str, work_kind: str, state: ItemState, *waits_for: str) -> ItemFact:
    return ItemFact(
        item_id=item_id,
        work_kind=work_kind,
        state=state,
        source=f"show {item_id}",
        observed_at=NOW,
        waits_for=waits_for,
    )


def spawn(parent: str, child: str, kind: str = "task") -> SpawnFact:
    return SpawnFact(
        parent_id=parent,
        child_id=child,
        child_kind=kind,
        how=f"{parent} made it",
        source="file",
        observed_at=NOW,
    )


def test_members_stand_behind_their_parents_with_place_and_origin() -> None:
    evidence = Evidence(
        item_id="p",
        kind=IntakeKind.PROBE,
        items=(
            fact("t", "task", ItemState.QUEUED, "u (absent)"),
            fact("p", "probe", ItemState.DONE),
            fact("stranger", "task", ItemState.ACTIVE),
        ),
        spawns=(spawn("s", "t"), spawn("p", "s", "spec"), spawn("stranger", "x")),
    )

    probe, spec, task = lineage_of(evidence)

    assert (probe.item_id, probe.work_kind, probe.parent_id) == ("p", "probe", None)
    assert (spec.item_id, spec.state, spec.parent_id) == ("s", ItemState.ABSENT, "p")
    assert (spec.how, spec.source) == ("p made it", "file")
    assert (task.item_id, task.state, task.source) == ("t", ItemState.QUEUED, "show t")
    assert task.waits_for == ("u (absent)",)


def test_a_circle_of_parents_ends() -> None:
    evidence = Evidence(
        item_id="a", kind=None, spawns=(spawn("a", "b"), spawn("b", "a"), spawn("b", "b"))
    )

    assert [member.item_id for member in lineage_of(evidence)] == ["a", "b"]


def test_what_was_read_last_counts() -> None:
    evidence = Evidence(
        item_id="t",
        kind=IntakeKind.TASK,
        items=(fact("t", "task", ItemState.QUEUED), fact("t", "task", ItemState.DONE)),
    )

    assert [member.state for member in lineage_of(evidence)] == [ItemState.DONE]


def test_an_unknown_item_is_a_lineage_of_its_own() -> None:
    (member,) = lineage_of(Evidence(item_id="x", kind=None))

    assert member == LineageItem(
        item_id="x", work_kind="unknown", state=ItemState.ABSENT, how=member.how, source=""
    )
