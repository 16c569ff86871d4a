"""Golden requests and results, one for each action and outcome.

All other cases are held to the published schema, to their exit code and to their codes.
`pytest --update-docs` writes the files again, to be read as a diff.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millracer import __version__
from millracer.domain.operations import ACTIONS, OpsVersion
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.result import OpsStatus
from tests.support.ops_cases import CASES, INVALID, STREAMED, UNUSABLE_VALUES, Case
from tests.support.ops_world import REQUESTS, RESULTS, VALIDATORS, answer, assert_published_result

FOLDER = Path(__file__).parents[3] / "fixtures" / "ops"
#: How each case was sent, and its exit code, status and error codes.
INDEX = FOLDER / "index.json"


def rendered(document: Any) -> str:
    return json.dumps(document, indent=2).replace(f'"{__version__}"', '"<version>"') + "\n"


def described(case: Case) -> dict[str, Any]:
    answered = answer(case.desk(), case.raw, stream=case.stream)
    return {
        "arguments": ["ops", "--stream-json" if case.stream else "--json"],
        "before": list(case.before),
        "exit_code": answered.exit_code,
        "action": answered.document["action"],
        "status": answered.document["status"],
        "errors": answered.codes,
    }


def golden_cases() -> list[Case]:
    """Return the first case of each version, action and outcome."""
    first: dict[tuple[object, ...], Case] = {}
    for case in CASES:
        about = described(case)
        version = case.request.get("schema_version") if isinstance(case.request, dict) else None
        is_latest = version == OpsVersion.V03
        first.setdefault((is_latest, about["action"], about["status"]), case)
    return list(first.values())


GOLDEN = golden_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_result_is_as_published(case: Case) -> None:
    desk = case.desk()
    answered = answer(desk, case.raw, stream=case.stream)

    assert_published_result(answered.document)
    if isinstance(case.request, dict) and case.request.get("schema_version") in RESULTS:
        assert answered.document["schema_version"] == case.request["schema_version"]
    assert (desk.tools.backends.unused_steps, desk.tools.pi.unused_turns) == (0, 0)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case.name)
def test_a_request_has_its_golden_result(case: Case, *, update_docs: bool) -> None:
    request, result = (FOLDER / f"{case.name}.{kind}.json" for kind in ("request", "result"))
    answered = answer(case.desk(), case.raw, stream=case.stream)
    if update_docs:
        FOLDER.mkdir(parents=True, exist_ok=True)
        request.write_bytes(case.raw)
        result.write_text(rendered(answered.document), encoding="utf-8")

    assert rendered(answered.document) == result.read_text(encoding="utf-8")
    assert case.raw == request.read_bytes()


def test_the_index_says_how_each_case_was_sent_and_ended(*, update_docs: bool) -> None:
    expected = rendered({case.name: described(case) for case in CASES})
    if update_docs:
        INDEX.write_text(expected, encoding="utf-8")

    assert expected == INDEX.read_text(encoding="utf-8")


def test_no_golden_file_is_left_of_a_case_that_is_gone(*, update_docs: bool) -> None:
    expected = {f"{case.name}.{kind}.json" for case in GOLDEN for kind in ("request", "result")}
    expected |= {f"{case.name}.request.json" for case in STREAMED}
    found = {path.name for path in FOLDER.glob("*.re*.json")}
    if update_docs:
        for name in found - expected:
            (FOLDER / name).unlink()
        found &= expected

    assert len(CASES) == len({case.name for case in CASES})
    assert found == expected


def test_there_is_a_golden_result_of_every_action_and_every_status() -> None:
    results = [answer(case.desk(), case.raw, stream=case.stream).document for case in CASES]

    assert {result["action"] for result in results} >= set(ACTIONS)
    assert {result["status"] for result in results} == set(OpsStatus)
    for action in ACTIONS:
        assert "succeeded" in {one["status"] for one in results if one["action"] == action}, action


@pytest.mark.parametrize(
    "case", [case for case in CASES if isinstance(case.request, dict)], ids=lambda case: case.name
)
def test_the_schema_distinguishes_the_invalid_requests_from_the_others(case: Case) -> None:
    schema = REQUESTS.get(case.request.get("schema_version"), SchemaName.OPS_REQUEST)
    valid = VALIDATORS[schema].is_valid(case.request)

    assert valid is (case not in (*INVALID, *UNUSABLE_VALUES))
