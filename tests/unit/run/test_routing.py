import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakeKind, Route
from millracer.run.routing import LONGEST_ANSWER, parse_decision

FULL = {
    "decision": "millrace",
    "intake_kind": "probe",
    "why": "large codebase",
    "mode": "learning_pi",
    "custom_loop_needed": True,
    "signals": ["migration", " ", 3],
    "notes": "mind the tests",
}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(json.dumps(FULL), id="bare"),
        pytest.param(
            f"Here it is:\n```json\n{json.dumps(FULL, indent=2)}\n```\nDone.", id="fenced"
        ),
        pytest.param(f"I think {json.dumps(FULL)} is right.", id="embedded"),
        pytest.param('{"note": "first"} ' + json.dumps(FULL), id="behind another object"),
        pytest.param("{not json} " + json.dumps(FULL), id="behind a brace that is no JSON"),
    ],
)
def test_a_json_decision_is_read_in_any_place(answer: str) -> None:
    decision = parse_decision(answer)

    assert decision is not None
    assert decision.route is Route.MILLRACE
    assert decision.intake_kind is IntakeKind.PROBE
    assert decision.why == "large codebase"
    assert decision.mode == "learning_pi"
    assert decision.custom_loop_needed
    assert decision.signals == ("migration",)
    assert decision.notes == "mind the tests"


@pytest.mark.parametrize(
    "answer",
    [
        "Decision: direct\nWhy: it is small",
        "**Decision:** direct\n**Why:** it is small",
        "- decision : DIRECT\n- why: it is small  ",
        "* **decision** : *direct*\n> why  :  it is small\t",
    ],
)
def test_the_line_form_is_read(answer: str) -> None:
    decision = parse_decision(answer)

    assert decision is not None
    assert (decision.route, decision.why) == (Route.DIRECT, "it is small")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I would do it directly.",
        '{"decision": "directly"}',
        '{"decision": null}',
        '{"decision": ["direct"]}',
        '{"why": "no route"}',
        '{"decision": "direct"',
        "Decision: perhaps",
        "Decision: direct\nDecision: millrace",
        '{"decision": "direct"} or {"decision": "millrace"}',
        "[" * 5000,
        '{"a":' * 5000,
        '{"decision": "direct", "cost": ' + "9" * 5000 + "}",
    ],
)
def test_an_answer_without_a_single_route_is_not_a_decision(answer: str) -> None:
    assert parse_decision(answer) is None


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("before", "piece", "after"),
    [
        *(("", piece, "") for piece in ("*", " ", "> ", "{", '{"a', '{"a":', '{"a":[', "[{}")),
        *(("decision", "*", ""), ("decision:", " ", "!"), ("decision", "\t", "")),
        ("decision:direct\nwhy: a", " ", "b"),
    ],
)
@pytest.mark.parametrize("length", [LONGEST_ANSWER - 30, 10 * LONGEST_ANSWER])
def test_an_answer_of_any_length_is_read_in_its_time(
    before: str, piece: str, after: str, length: int
) -> None:
    decision = parse_decision(before + piece * (length // len(piece)) + after)

    assert (decision is None) == (length > LONGEST_ANSWER or "direct" not in before)


@given(st.text())
def test_prose_is_never_a_decision_by_accident(prose: str) -> None:
    decision = parse_decision(prose)

    assert decision is None or "decision" in prose.lower()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_odd_values_beside_the_route_break_nothing(value: object) -> None:
    payload = dict.fromkeys(FULL, value) | {"decision": "direct"}

    decision = parse_decision(json.dumps(payload))

    assert decision is not None
    assert decision.route is Route.DIRECT
