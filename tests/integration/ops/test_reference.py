"""Millracer's answers beside those of `millracer==0.2.0`; every difference has a reason.

The answers were recorded by tests/recording/ops_reference.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ops_cases import CASES, Case
from tests.support.ops_world import Answered, answer

RECORDED = json.loads(
    (Path(__file__).parents[3] / "fixtures/ops/reference-0.2.0.json").read_text(encoding="utf-8")
)["cases"]
ASKED = [case for case in CASES if case.reference is not None]
BOTH_ANSWER = [case for case in ASKED if RECORDED[case.name]["result"] is not None]

#: Where the same key says the same thing, so that the values are held equal too.
SAME = (
    "schema_version",
    "request_id",
    "status",
    "action",
    "route",
    "intake_kind",
    "workspace_ref",
    "scoped_work_item",
    "completion.outcome",
    "completion.scoped_completion",
    "completion.verification_status",
    "errors.code",
    "errors.severity",
    "errors.recoverable",
    "warnings.severity",
    "warnings.recoverable",
    "session_ref",
    "result.task",
    "result.workspaces",
    "result.session",
    "result.sessions",
    "result.status",
    "raw_compat.route",
    "raw_compat.outcome",
    "raw_compat.scoped_completion",
    "raw_compat.intake_kind",
)

_CODES = "the reference has one code for all that its Millrace's command line can end in"
_CLOSED_NOTHING = "a direct answer that pi gave is no failure, though it completes no item"
_NO_INTAKE = "pi did it itself: nothing was taken in, so there is no kind of intake and no sign"
_ITS_MILLRACE = "each shows the status of its own Millrace; how it got there is not compared"
_UNSUPPORTED = "what does not run on this machine is refused, not taken for something local"
_UNKNOWN_ITEM = "the caller's own item is unknown, so nothing proves that it is completed"
_OTHER_PLACE = "work is never done in another workspace than the one that the request names"

#: Per case: what differs, and why that is meant.
DIFFERENCES: dict[str, dict[str, str]] = {
    "enqueue-completed": {
        'result.status.planning_status_marker: "### ARBITER_COMPLETE", Millracer "### IDLE"': (
            _ITS_MILLRACE
        ),
    },
    "enqueue-from-mission-control": {
        'result.status.planning_status_marker: "### ARBITER_COMPLETE", Millracer "### IDLE"': (
            _ITS_MILLRACE
        ),
        'completion.verification_status: "verified", Millracer "unverified"': (
            "the reference does not look for the expected evidence"
        ),
    },
    "enqueue-blocked": {
        "result.status.blocked_idle: true, Millracer false": _ITS_MILLRACE,
        'result.status.current_failure_class: "builder_blocked", Millracer null': _ITS_MILLRACE,
    },
    "enqueue-with-preferences-that-choose-nothing": {
        'status: "failed", Millracer "succeeded"': _CLOSED_NOTHING,
        "completion.missing_evidence is empty": _CLOSED_NOTHING,
        "intake_kind is not there": _NO_INTAKE,
        'raw_compat.intake_kind: "probe", Millracer null': _NO_INTAKE,
        "raw_compat.intake_signals is empty": _NO_INTAKE,
        "raw_compat.decision.signals is empty": _NO_INTAKE,
    },
    "enqueue-direct": {
        'status: "failed", Millracer "succeeded"': _CLOSED_NOTHING,
        "completion.missing_evidence is empty": _CLOSED_NOTHING,
        "intake_kind is not there": _NO_INTAKE,
        'raw_compat.intake_kind: "task", Millracer null': _NO_INTAKE,
        "raw_compat.intake_signals is empty": _NO_INTAKE,
        "raw_compat.decision.signals is empty": _NO_INTAKE,
    },
    "enqueue-with-unusable-values": {
        'result.status.planning_status_marker: "### ARBITER_COMPLETE", Millracer "### IDLE"': (
            _ITS_MILLRACE
        ),
    },
    "enqueue-without-a-usable-scope": {
        'result.status.planning_status_marker: "### ARBITER_COMPLETE", Millracer "### IDLE"': (
            _ITS_MILLRACE
        ),
        'status: "succeeded", Millracer "incomplete"': _UNKNOWN_ITEM,
        'completion.outcome: "completed", Millracer "incomplete"': _UNKNOWN_ITEM,
        "completion.scoped_completion: true, Millracer false": _UNKNOWN_ITEM,
        'completion.verification_status: "verified", Millracer "unverified"': _UNKNOWN_ITEM,
        "completion.evidence_summary is empty": _UNKNOWN_ITEM,
        'raw_compat.outcome: "completed", Millracer "incomplete"': _UNKNOWN_ITEM,
        "raw_compat.scoped_completion: true, Millracer false": _UNKNOWN_ITEM,
        "raw_compat.completion_evidence is empty": _UNKNOWN_ITEM,
    },
    "status-of-an-unusable-path": {
        'errors[0].code: "runtime_command_failed", Millracer "invalid_request"': _OTHER_PLACE,
        "workspace_ref.root_path is not there": _OTHER_PLACE,
    },
    "workspace-missing": {
        'errors[0].code: "runtime_command_failed", Millracer "workspace_missing"': _CODES,
    },
    "workspace-uninitialised": {
        'errors[0].code: "runtime_command_failed", Millracer "workspace_uninitialised"': _CODES,
    },
    "millrace-not-found": {
        'errors[0].code: "runtime_command_failed", Millracer "millrace_not_found"': _CODES,
    },
}

#: What the reference does and Millracer refuses: why, and with which code.
REFUSED = {"unsupported-runtime": (_UNSUPPORTED, "unsupported_runtime")}

#: Per case: the exit codes of the reference and of Millracer, where they are meant to differ.
EXIT_CODES = {
    "enqueue-direct": (1, 0),  # it succeeded
    "enqueue-with-preferences-that-choose-nothing": (1, 0),  # the same
    "unsupported-runtime": (0, 1),  # it is refused
    "status-of-an-unusable-path": (1, 2),  # the workspace's name cannot be used
    "enqueue-without-a-task": (1, 2),  # the request does not validate
}


@pytest.mark.parametrize("case", BOTH_ANSWER, ids=lambda case: case.name)
def test_a_result_says_all_that_the_reference_says_and_means_the_same(case: Case) -> None:
    recorded = RECORDED[case.name]["result"]
    own = asked(case).document
    if case.name in REFUSED:
        assert (recorded["status"], recorded["errors"]) == ("succeeded", [])
        assert own["errors"][0]["code"] == REFUSED[case.name][1]
        return
    found = {*missing(recorded, own), *unequal(recorded, own)}

    assert found == set(DIFFERENCES.get(case.name, ()))


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.name)
def test_the_exit_code_is_the_references_where_it_answers(case: Case) -> None:
    recorded, own = RECORDED[case.name], asked(case)
    if recorded["result"] is None:
        # Deliberate: the reference leaves standard output empty where a request does not validate.
        assert (recorded["exit_code"], recorded["stderr"] != "") == (1, True)
        assert (own.exit_code, own.codes[0]) == (2, "invalid_request")
    elif case.name in EXIT_CODES:
        assert (recorded["exit_code"], own.exit_code) == EXIT_CODES[case.name]
    else:
        assert own.exit_code == recorded["exit_code"]


def test_everything_that_can_be_asked_was_recorded() -> None:
    assert sorted(case.name for case in ASKED) == sorted(RECORDED)
    assert set(DIFFERENCES) | set(EXIT_CODES) | set(REFUSED) <= {case.name for case in BOTH_ANSWER}


def asked(case: Case) -> Answered:
    return answer(case.desk(), case.raw, stream=case.stream)


def missing(reference: Any, own: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every reference key missing in Millracer's; a list counts by its first."""
    if isinstance(reference, dict):
        if not isinstance(own, dict):
            yield f"{path} has no keys"
            return
        for key, value in reference.items():
            inner = f"{path}.{key}" if path else key
            if key not in own:
                yield f"{inner} is not there"
            else:
                yield from missing(value, own[key], inner)
    elif isinstance(reference, list) and reference:
        if not own:
            yield f"{path} is empty"
            return
        yield from missing(reference[0], own[0], path)


def unequal(reference: dict[str, Any], own: dict[str, Any]) -> Iterator[str]:
    """Yield what both say where the same key should say the same."""
    for path in SAME:
        said = list(leaves(reference, path.split(".")))
        heard = list(leaves(own, path.split(".")))
        for place, value in said:
            other = dict(heard).get(place)
            if place in dict(heard) and value != other:
                yield f"{place}: {json.dumps(value)}, Millracer {json.dumps(other)}"


def leaves(document: Any, path: list[str], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every plain value below a path with its place."""
    if isinstance(document, list):
        for number, entry in enumerate(document):
            yield from leaves(entry, path, f"{place}[{number}]")
        if not document and not path:
            yield place, []
    elif isinstance(document, dict):
        for key in path[:1] or sorted(document):
            if key in document:
                yield from leaves(document[key], path[1:], f"{place}.{key}" if place else key)
    elif not path:
        yield place, document
