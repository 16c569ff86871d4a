"""Which documents come out of which, by their header fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.millrace.files.items.parents import Descent, ItemKey, descend
from millracer.millrace.intake.markdown import MarkdownFields

ROOT = ("spec", "s")


def fields(**named: str) -> MarkdownFields:
    return MarkdownFields(
        heading="x", fields={label.replace("_", "-"): value for label, value in named.items()}
    )


def parents(documents: dict[ItemKey, MarkdownFields], *roots: ItemKey) -> dict[ItemKey, ItemKey]:
    return {each.child: each.parent for each in descend(roots or (ROOT,), documents)}


@pytest.mark.parametrize(
    ("parent", "child", "header"),
    [
        (("spec", "s"), ("task", "t"), fields(Spec_ID="s")),
        (("spec", "s"), ("task", "t"), fields(Root_Spec_ID="s")),
        (("spec", "s"), ("incident", "i"), fields(Source_Spec_ID="s")),
        (("spec", "s"), ("incident", "i"), fields(Root_Spec_ID="s")),
        (("spec", "s"), ("spec", "s2"), fields(Parent_Spec_ID="s")),
        (("spec", "s"), ("spec", "s2"), fields(Root_Spec_ID="s")),
        (("spec", "s"), ("spec", "s2"), fields(Source_Type="derived_spec", Source_ID="s")),
        (("task", "t"), ("incident", "i"), fields(Source_Task_ID="t")),
        (("task", "t"), ("task", "t2"), fields(Parent_Task_ID="t")),
        (("incident", "i"), ("task", "t2"), fields(Incident_ID="i")),
        (("incident", "i"), ("spec", "s2"), fields(Source_Type="incident", Source_ID="i")),
        (("probe", "p"), ("task", "t"), fields(Root_Intake_Kind="probe", Root_Intake_ID="p")),
        (("probe", "p"), ("spec", "s2"), fields(Source_Type="probe", Source_ID="p")),
    ],
)
def test_a_field_that_names_an_item_makes_a_descendant(
    parent: ItemKey, child: ItemKey, header: MarkdownFields
) -> None:
    assert parents({child: header}, parent) == {child: parent}


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(fields(Spec_ID="s1"), id="an id that begins alike"),
        pytest.param(fields(Spec_ID="S"), id="another case"),
        pytest.param(fields(Title="s", Summary="Spec-ID: s"), id="a text that mentions it"),
        pytest.param(fields(Parent_Task_ID="s"), id="a task of the same id"),
        pytest.param(fields(Root_Intake_Kind="probe", Root_Intake_ID="s"), id="a probe"),
        pytest.param(fields(Root_Idea_ID="s"), id="an idea"),
    ],
)
def test_a_foreign_document_does_not_become_a_member(header: MarkdownFields) -> None:
    assert parents({("task", "t"): header}) == {}


@pytest.mark.parametrize(
    "header", [fields(Root_Intake_ID="p"), fields(Root_Intake_Kind="idea", Root_Intake_ID="p")]
)
def test_only_an_intake_that_is_a_probe_makes_a_descendant_of_a_probe(
    header: MarkdownFields,
) -> None:
    assert parents({("task", "t"): header}, ("probe", "p")) == {}


def test_a_document_hangs_below_the_closest_member_it_names() -> None:
    documents = {
        ("task", "t2"): fields(Incident_ID="i", Root_Spec_ID="s"),
        ("incident", "i"): fields(Source_Task_ID="t1", Root_Spec_ID="s"),
        ("task", "t1"): fields(Spec_ID="s", Root_Spec_ID="s"),
    }

    assert parents(documents) == {
        ("task", "t1"): ("spec", "s"),
        ("incident", "i"): ("task", "t1"),
        ("task", "t2"): ("incident", "i"),
    }


def test_a_closer_parent_outside_of_the_lineage_leaves_the_member_below_its_root() -> None:
    documents = {("task", "t"): fields(Incident_ID="gone", Root_Spec_ID="s")}

    (descent,) = descend([ROOT], documents)

    assert descent == Descent(parent=ROOT, child=("task", "t"), how=descent.how)
    assert "Root-Spec-ID" in descent.how


def test_items_of_one_id_and_two_kinds_are_two_items() -> None:
    documents = {("task", "s"): fields(Spec_ID="s"), ("task", "t"): fields(Parent_Task_ID="s")}

    assert parents(documents) == {("task", "s"): ROOT, ("task", "t"): ("task", "s")}


_IDS = st.sampled_from(["a", "b", "c", "d"])
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Parent-Task-ID": _IDS,
        "Incident-ID": _IDS,
        "Source-Task-ID": _IDS,
        "Root-Spec-ID": st.just("s"),
    },
).map(lambda named: MarkdownFields(heading="x", fields=named))


@given(st.dictionaries(st.tuples(st.sampled_from(["task", "incident"]), _IDS), _HEADERS))
def test_every_member_leads_to_the_root_whatever_documents_name_each_other(
    documents: dict[ItemKey, MarkdownFields],
) -> None:
    found = parents(documents)

    for key in found:
        line = [key]
        while line[-1] in found:
            assert len(line) <= len(found), "a circle"
            line.append(found[line[-1]])
        assert line[-1] == ROOT
    named = {key for key, header in documents.items() if header.scalar("Root-Spec-ID") == "s"}
    assert named <= found.keys()


@pytest.mark.parametrize(
    ("parent", "child", "header", "how"),
    [
        (
            ("task", "t"),
            ("task", "u"),
            fields(Parent_Task_ID="t"),
            "Parent-Task-ID",
        ),
        (
            ("incident", "i"),
            ("spec", "s2"),
            fields(Source_Type="incident", Source_ID="i"),
            "Source-ID",
        ),
        (ROOT, ("spec", "s2"), fields(Root_Spec_ID="s"), "Root-Spec-ID"),
        (
            ("probe", "p"),
            ("task", "t"),
            fields(Root_Intake_Kind="probe", Root_Intake_ID="p"),
            "Root-Intake-ID",
        ),
    ],
)
def test_a_descent_says_which_field_named_the_parent(
    parent: ItemKey, child: ItemKey, header: MarkdownFields, how: str
) -> None:
    (descent,) = descend([parent], {child: header})

    assert descent == Descent(parent=parent, child=child, how=descent.how)
    assert how in descent.how


def test_a_document_that_names_itself_hangs_below_what_else_it_names() -> None:
    documents = {("task", "t"): fields(Parent_Task_ID="t", Root_Spec_ID="s")}

    assert parents(documents) == {("task", "t"): ROOT}
