"""Every attack on a certificate, with real signatures, real git and Millrace's files."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millracer.cli.app import invoke
from millracer.domain.certificate.content import Certificate
from millracer.domain.work.items import ItemState
from millracer.schemas.certificate.statement import write_statement
from tests.support.certificates import (
    ITEM,
    CertifiedWorkspace,
    check_fact,
    concluded,
)

_VERIFIED, _USAGE, _UNVERIFIED, _CONTRADICTED = 0, 2, 3, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CertifiedWorkspace:
    """Return a workspace that no test changes."""
    return CertifiedWorkspace.make(tmp_path_factory.mktemp("certified"))


@pytest.fixture
def own(tmp_path: Path) -> CertifiedWorkspace:
    """Return a workspace that a test may change."""
    return CertifiedWorkspace.make(tmp_path / "own")


@pytest.fixture
def verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, set[str]]]:
    """Return a function that verifies a file: the exit code, and the codes of the findings."""

    def run(
        content: bytes, workspace: CertifiedWorkspace, *arguments: str, with_evidence: bool = False
    ) -> tuple[int, set[str]]:
        file = tmp_path / "certificate.json"
        file.write_bytes(content)
        words = ["verify", str(file), "--key", str(workspace.public), "--json", *arguments]
        if with_evidence:
            words += ["--workspace", str(workspace.root)]
        capsys.readouterr()
        code = invoke(words)
        document = json.loads(capsys.readouterr().out)
        assert document["errors"] == []
        expected = {0: "verified", 3: "unverified", 4: "contradicted"}
        assert document["verification"] == expected[code]
        return code, {each["code"] for each in document["findings"] if each["code"]}

    return run


_Verify = Callable[..., tuple[int, set[str]]]


def changed_envelope(content: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(content), **changes}).encode()


def payload_of(content: bytes) -> bytes:
    return base64.b64decode(json.loads(content)["payload"])


def test_an_honest_certificate_is_verified(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.sign(made.certificate(check_fact()))

    assert verify(honest, made) == (_VERIFIED, set())
    whole = verify(
        honest, made, "--commit", "HEAD", "--require-check", "pytest -q", with_evidence=True
    )
    assert whole == (_VERIFIED, set())


# The envelope


def _other_key(folder: Path) -> CertifiedWorkspace:
    return CertifiedWorkspace.make(folder / "other")


def test_a_changed_payload(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.sign(made.certificate())
    other = payload_of(honest).replace(b"fix-it-1", b"fix-it-2")

    forged = changed_envelope(honest, payload=base64.b64encode(other).decode())
    assert verify(forged, made) == (_CONTRADICTED, {"signature_invalid"})


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_changed_byte(made: CertifiedWorkspace, verify: _Verify, data: st.DataObject) -> None:
    honest = made.sign(made.certificate())
    payload = bytearray(payload_of(honest))
    index = data.draw(st.integers(0, len(payload) - 1))
    payload[index] ^= data.draw(st.integers(1, 255))

    forged = changed_envelope(honest, payload=base64.b64encode(payload).decode())
    assert verify(forged, made)[0] == _CONTRADICTED


def test_a_changed_signature(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = json.loads(made.sign(made.certificate()))
    honest["signatures"][0]["sig"] = base64.b64encode(b"\0" * 64).decode()

    assert verify(json.dumps(honest).encode(), made) == (_CONTRADICTED, {"signature_invalid"})


def test_another_key(made: CertifiedWorkspace, verify: _Verify, tmp_path: Path) -> None:
    forger = _other_key(tmp_path)

    assert verify(forger.sign(made.certificate()), made) == (_UNVERIFIED, {"untrusted_key"})


def test_another_key_under_the_trusted_name(
    made: CertifiedWorkspace, verify: _Verify, tmp_path: Path
) -> None:
    forged = json.loads(_other_key(tmp_path).sign(made.certificate()))
    trusted = json.loads(made.sign(made.certificate()))
    forged["signatures"][0]["keyid"] = trusted["signatures"][0]["keyid"]

    assert verify(json.dumps(forged).encode(), made) == (_CONTRADICTED, {"signature_invalid"})


def test_a_key_in_the_file_is_not_trusted(
    made: CertifiedWorkspace, verify: _Verify, tmp_path: Path
) -> None:
    forger = _other_key(tmp_path)
    forged = changed_envelope(
        forger.sign(made.certificate()), publicKey=forger.public.read_text(encoding="ascii")
    )

    assert verify(forged, made) == (_UNVERIFIED, {"untrusted_key"})


def test_a_key_of_the_commit_under_test_is_not_trusted(
    own: CertifiedWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key = own.root.parent / "certificate.json", own.root / "key.pub"
    certificate.write_bytes(own.sign(own.certificate()))
    key.write_bytes(own.public.read_bytes())

    words = ("verify", str(certificate), "--workspace", str(own.root), "--json", "--key", str(key))
    assert invoke(list(words)) == _USAGE
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["code"] == "key_unusable"


def test_another_payload_type(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.certificate()

    changed = changed_envelope(made.sign(honest), payloadType="text/plain")
    assert verify(changed, made) == (_CONTRADICTED, {"signature_invalid"})
    signed = made.sign_bytes(write_statement(honest), "text/plain")
    assert verify(signed, made) == (_UNVERIFIED, {"not_a_completion"})


def test_no_signature(made: CertifiedWorkspace, verify: _Verify) -> None:
    unsigned = changed_envelope(made.sign(made.certificate()), signatures=[])

    assert verify(unsigned, made) == (_UNVERIFIED, {"unsigned"})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"payload": 1, "payloadType": "t", "signatures": []}',
        b'{"payload": "", "payload": "", "payloadType": "t", "signatures": []}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_not_an_envelope(
    made: CertifiedWorkspace, verify: _Verify, content: bytes
) -> None:
    assert verify(content, made) == (_UNVERIFIED, {"not_a_certificate"})


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": "\ud800"},
        {"payloadType": None},
        {"payload": "\ud800"},
        {"signatures": "words"},
        {"signatures": [{"keyid": ["a"], "sig": "AA=="}]},
    ],
)
def test_an_envelope_with_values_of_other_types(
    made: CertifiedWorkspace, verify: _Verify, change: dict[str, Any]
) -> None:
    changed = changed_envelope(made.sign(made.certificate()), **change)

    assert verify(changed, made) == (_UNVERIFIED, {"not_a_certificate"})


def test_one_trusted_signature_among_others_is_enough(
    made: CertifiedWorkspace, verify: _Verify, tmp_path: Path
) -> None:
    honest = made.sign(made.certificate())
    (own,) = json.loads(honest)["signatures"]
    (foreign,) = json.loads(_other_key(tmp_path).sign(made.certificate()))["signatures"]
    wrong = {**own, "sig": foreign["sig"]}

    assert verify(changed_envelope(honest, signatures=[foreign, own]), made)[0] == _VERIFIED
    assert verify(changed_envelope(honest, signatures=[foreign, wrong]), made)[0] == _CONTRADICTED
    twice = verify(changed_envelope(honest, signatures=[wrong, own]), made)
    assert twice == (_UNVERIFIED, {"not_a_certificate"})


def _with(payload: bytes, change: Callable[[Any], object]) -> bytes:
    statement = json.loads(payload)
    change(statement)
    return json.dumps(statement).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda each: each.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda each: each["subject"].append(each["subject"][0]),
        lambda each: each["subject"].clear(),
        lambda each: each["subject"][0].update(name="other"),
        lambda each: each["subject"][0]["digest"].update(gitTree="main"),
        lambda each: each["predicate"].pop("witness"),
        lambda each: each["predicate"]["verdict"]["facts"]["items"][0].update(state="perfect"),
        lambda each: each["predicate"]["buildDefinition"]["externalParameters"].update(
            expectedChecks=[[""]]
        ),
    ],
)
def test_a_signed_statement_of_another_form(
    made: CertifiedWorkspace, verify: _Verify, change: Callable[[Any], object]
) -> None:
    payload = _with(write_statement(made.certificate()), change)

    assert verify(made.sign_bytes(payload), made) == (_UNVERIFIED, {"not_a_completion"})


def test_a_signed_key_that_occurs_twice(made: CertifiedWorkspace, verify: _Verify) -> None:
    payload = write_statement(made.certificate())
    twice = payload.replace(b'"predicateType":', b'"predicateType":"other","predicateType":', 1)

    assert twice != payload
    assert verify(made.sign_bytes(twice), made) == (_UNVERIFIED, {"not_a_completion"})


# Forgeries by the holder of a trusted key


def _edited(certificate: Certificate, family: str, **changes: Any) -> Certificate:
    first, *rest = getattr(certificate.evidence, family)
    facts = (replace(first, **changes), *rest)
    return replace(certificate, evidence=replace(certificate.evidence, **{family: facts}))


def test_evidence_of_another_item(own: CertifiedWorkspace, verify: _Verify) -> None:
    own.add_task("fix-it-2")
    other = own.certificate(item_id="fix-it-2")
    honest = own.certificate()
    forged = replace(
        honest,
        evidence=replace(other.evidence, item_id=ITEM),
        byproducts=other.byproducts,
    )

    assert verify(own.sign(forged), own)[0] == _CONTRADICTED
    assert "gate_disagrees" in verify(own.sign(concluded_completed(forged)), own)[1]
    renamed = concluded(
        replace(
            forged,
            evidence=replace(
                forged.evidence,
                items=tuple(replace(each, item_id=ITEM) for each in forged.evidence.items),
                stages=tuple(replace(each, item_id=ITEM) for each in forged.evidence.stages),
            ),
        )
    )
    assert verify(own.sign(renamed), own, with_evidence=True) == (_CONTRADICTED, {"facts_differ"})


def concluded_completed(certificate: Certificate) -> Certificate:
    """Return a certificate whose conclusion says completed, whatever its facts say."""
    stated = replace(certificate.conclusion, scoped_completion=True)
    return replace(certificate, conclusion=stated)


def test_evidence_older_than_the_enqueue(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.certificate()
    late = replace(honest, enqueued_at=honest.enqueued_at + timedelta(hours=1, minutes=1))

    assert verify(made.sign(late), made) == (_CONTRADICTED, {"evidence_outside_time"})


def test_facts_edited_so_that_the_gate_agrees(own: CertifiedWorkspace, verify: _Verify) -> None:
    own.add_task("blocked-1", folder="blocked")
    truthful = own.certificate(item_id="blocked-1")
    forged = concluded(_edited(truthful, "items", state=ItemState.DONE))

    assert forged.conclusion.scoped_completion
    assert verify(own.sign(truthful), own) == (_UNVERIFIED, {"not_completed"})
    assert verify(own.sign(forged), own, with_evidence=True) == (_CONTRADICTED, {"facts_differ"})
    name = "millrace-agents/tasks/done/blocked-1.md"
    renamed = concluded(_edited(forged, "items", source=name))
    assert verify(own.sign(renamed), own) == (_CONTRADICTED, {"evidence_unbound"})


def test_a_stated_completion_that_the_facts_do_not_prove(
    own: CertifiedWorkspace, verify: _Verify
) -> None:
    own.add_task("blocked-1", folder="blocked")
    truthful, honest = own.certificate(item_id="blocked-1"), own.certificate()
    forged = replace(truthful, conclusion=honest.conclusion)

    code, found = verify(own.sign(forged), own)
    assert (code, found) == (_CONTRADICTED, {"gate_disagrees", "verdict_differs"})


def test_a_changed_proof(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.certificate()
    forged = replace(honest, conclusion=replace(honest.conclusion, runs=("run-9",)))

    assert verify(made.sign(forged), made) == (_CONTRADICTED, {"verdict_differs"})


def test_a_dropped_digest(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.certificate()
    forged = replace(honest, byproducts=honest.byproducts[1:])

    assert verify(made.sign(forged), made) == (_CONTRADICTED, {"evidence_unbound"})


def test_a_failed_check(made: CertifiedWorkspace, verify: _Verify) -> None:
    failed = made.certificate(check_fact(exit_code=1))

    assert verify(made.sign(failed), made) == (_CONTRADICTED, {"check_failed"})


def test_a_check_on_other_files(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.certificate(check_fact())
    forged = concluded(_edited(honest, "checks", tree="0" * 40))

    assert verify(made.sign(forged), made) == (_CONTRADICTED, {"other_tree"})


def test_a_dropped_check(made: CertifiedWorkspace, verify: _Verify) -> None:
    honest = made.certificate(check_fact())
    none = replace(honest.evidence, demanded_checks=(), checks=())
    half = replace(honest, evidence=replace(honest.evidence, demanded_checks=()))
    dropped = concluded(replace(honest, evidence=none))

    assert verify(made.sign(half), made) == (_CONTRADICTED, {"verdict_differs"})
    required = verify(made.sign(dropped), made, "--require-check", "pytest -q")
    assert required == (_UNVERIFIED, {"required_check_missing"})


# The evidence and the workspace


def test_changed_evidence(own: CertifiedWorkspace, verify: _Verify) -> None:
    honest = own.sign(own.certificate())
    trace = own.root / "millrace-agents" / "runs" / f"run-{ITEM}" / "run_trace.json"
    trace.write_text(trace.read_text(encoding="utf-8") + " ", encoding="utf-8")

    assert verify(honest, own, with_evidence=True) == (_CONTRADICTED, {"evidence_changed"})


def test_missing_evidence_is_not_checked_and_never_passed(
    own: CertifiedWorkspace, verify: _Verify
) -> None:
    honest = own.sign(own.certificate())
    shutil.rmtree(own.root / "millrace-agents")

    assert verify(honest, own, with_evidence=True) == (_UNVERIFIED, {"evidence_absent"})
    assert verify(honest, own) == (_VERIFIED, set())


def test_evidence_behind_a_link_is_missing(own: CertifiedWorkspace, verify: _Verify) -> None:
    honest = own.sign(own.certificate())
    shutil.move(own.root / "millrace-agents", own.root.parent / "elsewhere")
    (own.root / "millrace-agents").symlink_to(own.root.parent / "elsewhere")

    assert verify(honest, own, with_evidence=True) == (_UNVERIFIED, {"evidence_absent"})


def test_a_name_that_leads_out_of_the_workspace(own: CertifiedWorkspace, verify: _Verify) -> None:
    honest = own.certificate()
    outside = replace(honest.byproducts[0], name="../config/keys/signing.pub")
    forged = replace(honest, byproducts=(*honest.byproducts, outside))

    assert verify(own.sign(forged), own, with_evidence=True) == (_UNVERIFIED, {"evidence_absent"})


def test_a_certificate_for_another_workspace(
    made: CertifiedWorkspace, verify: _Verify, tmp_path: Path
) -> None:
    honest = made.sign(made.certificate())
    same_item, other_item = tmp_path / "same", tmp_path / "other"
    with_same = CertifiedWorkspace.make(same_item)
    with_same.files.document("task", ITEM, "done", "Summary: another one")
    with_other = CertifiedWorkspace.make(other_item, item_id="other-1")

    def against(workspace: CertifiedWorkspace) -> tuple[int, set[str]]:
        return verify(honest, made, "--workspace", str(workspace.root))

    assert against(with_same) == (_CONTRADICTED, {"evidence_changed"})
    assert against(with_other) == (_UNVERIFIED, {"evidence_absent"})


# The commit


def test_a_replay_for_another_commit(own: CertifiedWorkspace, verify: _Verify) -> None:
    honest = own.sign(own.certificate())
    (own.root / "made.txt").write_text("other\n", encoding="utf-8")
    own.commit("more")
    at = ("--workspace", str(own.root), "--commit")

    assert verify(honest, own, *at, "HEAD~1") == (_VERIFIED, set())
    assert verify(honest, own, *at, "HEAD") == (_CONTRADICTED, {"other_commit"})
    assert verify(honest, own, *at, "nowhere") == (_UNVERIFIED, {"commit_unknown"})
    assert verify(honest, own, *at, "--all") == (_UNVERIFIED, {"commit_unknown"})


def test_a_replay_for_the_same_files_with_another_history(
    own: CertifiedWorkspace, verify: _Verify, tmp_path: Path
) -> None:
    honest = own.sign(own.certificate())
    own.git("checkout", "--quiet", "--orphan", "unrelated")
    own.commit("the same files")
    clone = tmp_path / "shallow"
    own.git("clone", "--quiet", "--depth", "1", f"file://{own.root}", str(clone))
    shutil.copytree(own.root / "millrace-agents", clone / "millrace-agents")

    here = verify(honest, own, "--workspace", str(own.root), "--commit", "HEAD")
    assert here == (_UNVERIFIED, {"other_history"})
    shallow = verify(honest, own, "--workspace", str(clone), "--commit", "HEAD")
    assert shallow == (_UNVERIFIED, {"base_unknown"})


def test_a_replaced_commit(own: CertifiedWorkspace, verify: _Verify) -> None:
    honest = own.sign(own.certificate())
    certified = own.git("rev-parse", "HEAD")
    (own.root / "made.txt").write_text("other\n", encoding="utf-8")
    other = own.commit("not certified")
    own.git("replace", other, certified)  # a mirror also fetches refs/replace

    found = verify(honest, own, "--workspace", str(own.root), "--commit", other)
    assert found == (_CONTRADICTED, {"other_commit"})


def test_a_grafted_history(own: CertifiedWorkspace, verify: _Verify) -> None:
    honest = own.sign(own.certificate())
    base = own.git("rev-parse", "HEAD~1")
    own.git("checkout", "--quiet", "--orphan", "unrelated")
    other = own.commit("the same files")
    grafts = own.root / ".git" / "info" / "grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{other} {base}\n", encoding="ascii")

    found = verify(honest, own, "--workspace", str(own.root), "--commit", "HEAD")
    assert found == (_UNVERIFIED, {"other_history"})


# The rerun


def test_a_rerun_finds_a_forged_check(own: CertifiedWorkspace, verify: _Verify) -> None:
    at = ("--workspace", str(own.root), "--commit", "HEAD", "--rerun")
    passes, fails = check_fact(("cat", "made.txt")), check_fact(("cat", "gone.txt"))

    assert verify(own.sign(own.certificate(passes)), own, *at) == (_VERIFIED, set())
    forged = verify(own.sign(own.certificate(fails)), own, *at)
    assert forged == (_CONTRADICTED, {"rerun_failed"})
    nothing = verify(own.sign(own.certificate()), own, *at)
    assert nothing == (_UNVERIFIED, {"nothing_to_rerun"})


def test_a_wrong_certificate_starts_no_program(
    own: CertifiedWorkspace, verify: _Verify, tmp_path: Path
) -> None:
    mark = tmp_path / "started"
    touches = own.certificate(check_fact(("touch", str(mark))))
    at = ("--workspace", str(own.root), "--commit", "HEAD", "--rerun")
    forged = replace(touches, conclusion=replace(touches.conclusion, runs=()))

    code, found = verify(own.sign(forged), own, *at)
    assert (code, found) == (_CONTRADICTED, {"verdict_differs", "not_rerun"})
    assert not mark.exists()
    assert verify(_other_key(tmp_path).sign(touches), own, *at)[0] == _UNVERIFIED
    assert not mark.exists()


def test_the_required_checks_run_again_too(own: CertifiedWorkspace, verify: _Verify) -> None:
    at = ("--workspace", str(own.root), "--commit", "HEAD", "--rerun")
    honest = own.sign(own.certificate(check_fact(("cat", "made.txt"))))

    assert verify(honest, own, *at, "--require-check", "cat made.txt") == (_VERIFIED, set())
