"""Which work is certified, and what a certificate says about it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from jsonschema import Draft202012Validator

from millracer.cancellation import Cancellation
from millracer.certificate.keys import FileKeys
from millracer.domain.checks import CheckPlace, CheckRun, WorkVerification
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import CertifyRequest, VerifyRequest
from millracer.domain.work.changes import Changes
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import LOCAL_SESSION, Resolution, ResolutionRule
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, SelectedWorkspace
from millracer.operations.options import OptionLayers
from millracer.operations.registry import perform
from millracer.operations.session.memory import SessionMemory
from millracer.ports import WorkTree
from millracer.redaction.process import redact
from millracer.schemas.base import render
from millracer.schemas.certificate.results import CertifyResult, VerifyResult
from millracer.schemas.certificate.statement import read_statement, write_statement
from millracer.schemas.names import SchemaName
from millracer.schemas.registry import schema_of
from millracer.testing.checks import ScriptedCheckRunner
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import NOW
from tests.fakes.store import InMemorySessionStore
from tests.fakes.tools import ScriptedTools
from tests.support.certificates import (
    certificate_of,
    check_fact,
    idea_evidence,
    lease,
    probe_evidence,
    task_evidence,
)

ITEM = "fix-it-0123456789abcdef0123"
TREE, BASE = "7" * 40, "9" * 40
_PLACE = Resolution(rule=ResolutionRule.CLI_WORKSPACE, root_path="/workspace")


@dataclass
class Desk:
    """Certifies on a scripted Millrace, with real keys."""

    folder: Path
    tools: ScriptedTools = field(default_factory=ScriptedTools)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tools.certificate_keys = keys = FileKeys({"MILLRACER_CONFIG_DIR": str(self.folder)})
        self.public = str(Path(keys.new().path).with_suffix(".pub"))
        self.tools.logs = None
        self.tools.backends.holds(ITEM, ItemState.DONE, proven=True)
        repository = self.tools.repositories
        repository.measured = Changes(
            started_at=NOW, ended_at=NOW, base_commit=BASE, dirty_before=False
        )
        repository.starts.append((ITEM, True))
        repository.files = WorkTree(tree=TREE, differs_from_end=False)
        repository.exported = replace(repository.exported, tree=TREE)

    def _context(self) -> OperationContext:
        clock = FrozenClock()
        clock.advance((NOW - clock.now()).total_seconds() + 1)
        return OperationContext(
            tools=self.tools,
            memory=SessionMemory(InMemorySessionStore()),
            options=OptionLayers(given=self.options),
            clock=clock,
            cancellation=Cancellation(),
            find_workspace=lambda: SelectedWorkspace(root_path="/workspace", resolution=_PLACE),
            new_identity=lambda: "u",
            session_id=LOCAL_SESSION,
        )

    def certify(self, item: str = ITEM, **more: Any) -> Answer[CertifyResult]:
        request = CertifyRequest(work_item_id=item, **more)
        return perform(OperationName.CERTIFY, request, self._context())

    def verify(self, result: CertifyResult) -> Answer[VerifyResult]:
        content = json.dumps(result.certificate).encode()
        request = VerifyRequest(content=content, keys=(self.public,))
        return perform(OperationName.VERIFY, request, self._context())

    def refusal(self, **more: Any) -> tuple[str, ExitCode]:
        answer = self.certify(**more)
        assert answer.result.certificate is None
        assert answer.error is not None
        assert answer.error.suggested_action
        return answer.error.code, answer.exit_code


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "config")


def statement_of(result: CertifyResult) -> dict[str, Any]:
    assert result.certificate is not None
    statement: dict[str, Any] = json.loads(base64.b64decode(result.certificate["payload"]))
    return statement


def test_a_completed_item_gets_a_certificate_that_verifies(desk: Desk) -> None:
    answer = desk.certify()

    result = answer.result
    assert (answer.exit_code, result.work_item_id, result.tree) == (0, ITEM, TREE)
    assert (result.verification, result.limits, result.test_results) == (None, [], [])
    assert desk.verify(result).result.verification is WorkVerification.VERIFIED
    statement = statement_of(result)
    assert statement["subject"] == [{"name": "worktree", "digest": {"gitTree": TREE}}]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"] == [
        {"uri": "git+file:.", "digest": {"gitCommit": BASE}}
    ]
    assert definition["externalParameters"]["expectedChecks"] == []
    assert statement["predicate"]["verdict"]["scopedCompletion"] is True
    assert statement["predicate"]["fleet"] is None


def test_the_document_keeps_the_envelope_as_it_was_signed(desk: Desk) -> None:
    result = desk.certify().result

    assert json.loads(render(result))["certificate"] == result.certificate
    envelope = json.dumps(result.certificate)
    assert redact(envelope) == envelope


def test_the_checks_run_and_each_is_a_test_result(desk: Desk) -> None:
    desk.options = {"checks": (("pytest", "-q"), ("ruff", "check"))}
    desk.tools.checker = ScriptedCheckRunner(
        {
            ("pytest", "-q"): CheckRun(
                exit_code=0, seconds=1.0, output="words", output_sha256="e" * 64
            )
        }
    )

    result = desk.certify().result

    assert result.verification is WorkVerification.VERIFIED
    assert [folder for _, folder in desk.tools.checker.calls] == ["/export", "/export"]
    statement = statement_of(result)
    witness = statement["predicate"]["witness"]
    assert witness["status"] == "verified"
    assert witness["checks"][0]["outputSha256"] == "e" * 64
    assert "words" not in json.dumps(statement)
    payloads = [json.loads(base64.b64decode(each["payload"])) for each in result.test_results]
    assert [each["predicateType"] for each in payloads] == [
        "https://in-toto.io/attestation/test-result/v0.1"
    ] * 2
    assert payloads[1]["predicate"]["passedTests"] == ["ruff check"]
    assert payloads[1]["predicate"]["configuration"][0]["annotations"] == {
        "argv": ["ruff", "check"]
    }
    for payload in (statement, *payloads):
        message = json_format.Parse(json.dumps(payload), statement_pb2.Statement())
        Statement.copy_from_pb(message).validate()


def test_a_failed_check_prevents_a_certificate(desk: Desk) -> None:
    desk.options = {"checks": (("false",),)}
    desk.tools.checker = ScriptedCheckRunner({("false",): CheckRun(exit_code=1)})

    assert desk.refusal() == ("not_certifiable", 8)


def test_checks_in_the_workspace_are_named_as_a_limit(desk: Desk) -> None:
    desk.options = {"checks": (("true",),), "check_in": CheckPlace.WORKSPACE}

    (limit,) = desk.certify().result.limits
    assert "in the workspace" in limit


def test_the_limits_of_the_tree_are_named(desk: Desk) -> None:
    repository = desk.tools.repositories
    repository.files = WorkTree(tree=TREE, limits=("files that git ignores: build/",))
    repository.measured = replace(repository.measured, dirty_before=True)

    ignored, dirty, unrecorded = desk.certify().result.limits
    assert "build/" in ignored
    assert "before the work" in dirty
    assert "not recorded" in unrecorded


@pytest.mark.parametrize("state", [ItemState.QUEUED, ItemState.BLOCKED, ItemState.CANCELLED])
def test_work_without_proof_gets_no_certificate(desk: Desk, state: ItemState) -> None:
    desk.tools.backends.holds(ITEM, state)

    assert desk.refusal() == ("not_completed", 3)


def test_an_unknown_item_gets_no_certificate(desk: Desk) -> None:
    assert desk.refusal(item="gone-0123456789abcdef0123") == ("invalid_request", 2)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (WorkTree(tree=TREE, differs_from_end=True), "files_changed"),
        (WorkTree(problem="no repository", is_repository=False), "not_a_git_workspace"),
        (WorkTree(problem="a file cannot be read"), "tree_unknown"),
    ],
)
def test_files_that_are_not_the_result_of_the_work_get_no_certificate(
    desk: Desk, files: WorkTree, code: str
) -> None:
    desk.tools.repositories.files = files

    assert desk.refusal() == (code, 8)


def test_work_whose_start_is_unknown_gets_no_certificate(desk: Desk) -> None:
    desk.tools.repositories.starts.clear()

    assert desk.refusal() == ("not_certifiable", 8)


def test_evidence_without_its_file_gets_no_certificate(desk: Desk) -> None:
    source = "millrace runs trace run-1 --format json --workspace /workspace"
    desk.tools.backends.digests[source] = None

    assert desk.refusal() == ("not_certifiable", 8)


def test_evidence_from_before_the_enqueue_gets_no_certificate(desk: Desk) -> None:
    repository = desk.tools.repositories
    later = NOW.replace(year=NOW.year + 1)
    repository.measured = replace(repository.measured, started_at=later)

    assert desk.refusal() == ("not_certifiable", 8)


def test_a_check_with_a_secret_is_refused_and_not_signed(desk: Desk) -> None:
    secret = "sk-" + "a1B2c3D4e5F6g7H8i9J0"
    desk.options = {"checks": (("curl", "-H", secret),)}

    answer = desk.certify()

    assert answer.error is not None
    assert (answer.error.code, answer.error.field) == ("invalid_request", "check")
    assert secret not in answer.error.message
    assert desk.tools.checker.calls == []


def test_without_a_key_nothing_is_certified(desk: Desk, tmp_path: Path) -> None:
    assert desk.refusal(key=str(tmp_path / "none.pem")) == ("key_unusable", 2)


@pytest.mark.parametrize("evidence", [task_evidence, probe_evidence, idea_evidence])
def test_a_statement_holds_the_whole_certificate(evidence: Any) -> None:
    certificate = replace(certificate_of(evidence(), check_fact()), fleet=lease())
    payload = write_statement(certificate)

    assert read_statement(payload) == certificate
    assert write_statement(read_statement(payload)) == payload
    schema = schema_of(SchemaName.CERTIFICATE)
    Draft202012Validator(schema).validate(json.loads(payload))


def test_the_key_is_in_no_output(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    private = (desk.folder / "keys" / "signing.pem").read_text(encoding="ascii")
    body = private.splitlines()[1]

    result = desk.certify().result

    assert body not in render(result)
    assert body not in "".join(capfd.readouterr())
