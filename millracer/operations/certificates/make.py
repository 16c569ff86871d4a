"""Make a certificate: read the evidence again, judge it, run the checks, and sign.

Millrace itself is asked first; only if its own answer proves the item done are its files read and
their digests taken. A certificate that its own verification would not accept is not made.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from millracer import __version__
from millracer.cancellation import Wait
from millracer.domain.certificate.content import (
    Byproduct,
    Certificate,
    CertifiedLease,
    conclude,
    strip_words,
)
from millracer.domain.certificate.findings import FindingResult
from millracer.domain.certificate.names import PAYLOAD_TYPE
from millracer.domain.certificate.verification import Observed, examine
from millracer.domain.checks import CheckPlace, DemandedChecks, name_command
from millracer.domain.operations.requests import CertifyRequest
from millracer.domain.run.attempts import attempts_in
from millracer.domain.run.completion import judge
from millracer.domain.run.evidence import CheckFact, Evidence
from millracer.domain.run.result import Versions
from millracer.domain.work.changes import Changes
from millracer.domain.work.items import ItemStatus
from millracer.domain.work.runtime import JsonObject
from millracer.errors import CertificateImpossible, ExitCode, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, Target
from millracer.operations.control import require_workspace
from millracer.operations.items.check_item import check_item
from millracer.operations.items.find_item import find_item
from millracer.operations.items.item_reports import READ_SECONDS
from millracer.ports import Backend, CertificateSigner, Repository, WorkTree
from millracer.redaction.process import redact
from millracer.schemas.certificate.results import CertifyResult
from millracer.schemas.certificate.statement import write_statement, write_test_results
from millracer.schemas.ops.item_payloads import ItemPayload
from millracer.schemas.ops.request import ReadRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCertificate:
    """A certificate in its signed envelope, and each check in another one."""

    certificate: Certificate
    key_id: str
    envelope: JsonObject
    test_results: tuple[JsonObject, ...]


def answer_certify(request: CertifyRequest, context: OperationContext) -> Answer[CertifyResult]:
    """Certify one completed item of the caller's workspace.

    Raises:
        CertificateImpossible: the item is not proven completed, or its files are not known.
        KeyUnusable: there is no usable signing key.
        InvalidRequest: the workspace holds no such item, or the name is ambiguous.
    """
    place = context.find_workspace()
    keys = context.tools.keys()
    signer = partial(keys.signer, request.key, place.root_path)
    signed = certify(request.work_item_id, signer, place.root_path, context)
    return Answer(
        result=CertifyResult.of_signed(
            signed.certificate,
            workspace=place.root_path,
            key_id=signed.key_id,
            envelope=signed.envelope,
            test_results=signed.test_results,
            warnings=(*place.warnings, *context.memory.warnings),
        ),
        exit_code=ExitCode.COMPLETED,
    )


def read_ops_request(read: ReadRequest, _target: Target) -> CertifyRequest:
    """Return the request of an ops request; only the command line and the library name a key."""
    payload = read.payload
    if not isinstance(payload, ItemPayload):
        raise TypeError("the row of the operation names another payload")
    return CertifyRequest(work_item_id=payload.work_item_id)


def require_certifiable(root_path: str, context: OperationContext) -> CertificateSigner:
    """Return the signer of a later certificate, before the work begins.

    Raises:
        CertificateImpossible: the workspace is not in a git repository.
        KeyUnusable: there is no usable signing key.
    """
    signer = context.tools.keys().signer(None, root_path)
    repository = context.tools.repository(root_path)
    _require_tree(repository.work_tree("", Wait(context.cancellation)))
    return signer


def certify(  # noqa: PLR0913 - the parts of a certificate
    name: str,
    signer_of: Callable[[], CertificateSigner],
    root_path: str,
    context: OperationContext,
    *,
    checks: tuple[CheckFact, ...] | None = None,
    versions: Versions | None = None,
    lease: CertifiedLease | None = None,
) -> SignedCertificate:
    """Return the signed certificate of one completed item.

    Args:
        name: the item, as for `find_item`.
        signer_of: returns the signer; called once the item is proven completed.
        root_path: the workspace.
        context: the ports.
        checks: how the demanded checks ended a moment ago; None: they run now.
        versions: those of the run; None: of this process.
        lease: the lease under which a fleet did the work; None outside of one.

    Raises:
        CertificateImpossible: the item is not proven completed, or its files are not known.
        KeyUnusable: there is no usable signing key.
        InvalidRequest: the workspace holds no such item, or the name is ambiguous.
    """
    millrace = context.open_millrace(root_path)
    repository = context.tools.repository(root_path)
    wait = Wait(context.cancellation)
    require_workspace(millrace, wait.within(READ_SECONDS))
    item_status = find_item(name, millrace, wait.within(READ_SECONDS))
    merged = context.options.for_workspace(root_path)
    demanded = merged.request("", "").checks
    _refuse_secrets(demanded)
    proven = millrace.gather_evidence(item_status, wait.within(READ_SECONDS))
    _require_completed(item_status, proven)
    signer = signer_of()
    changes = repository.changes(item_status.item_id, wait, is_final=False)
    files = _require_files(item_status, changes, repository, wait)
    if checks is None:
        checks = check_item(item_status.item_id, demanded, root_path, context)
    evidence = millrace.trace_lineage(item_status)
    evidence = replace(evidence, demanded_checks=demanded.commands, checks=checks)
    certificate = _build(
        item_status,
        evidence,
        changes,
        files,
        millrace=millrace,
        context=context,
        root_path=root_path,
    )
    certificate = replace(certificate, fleet=lease, versions=versions or certificate.versions)
    _require_verified(certificate)
    return SignedCertificate(
        certificate=certificate,
        key_id=signer.key_id,
        envelope=signer.sign(write_statement(certificate), PAYLOAD_TYPE),
        test_results=tuple(
            signer.sign(each, PAYLOAD_TYPE) for each in write_test_results(certificate)
        ),
    )


def _refuse_secrets(demanded: DemandedChecks) -> None:
    """Refuse a check whose command holds a secret, which the certificate would publish."""
    for argv in demanded.commands:
        if any(redact(word) != word for word in argv):
            raise InvalidRequest(
                f"the command of a check holds a secret: {redact(name_command(argv))}",
                field="check",
                suggested_action="let the check read the secret from a file",
            )


def _require_completed(item_status: ItemStatus, evidence: Evidence) -> None:
    verdict = judge(evidence)
    if verdict.completed:
        return
    gap = verdict.missing[0]
    raise CertificateImpossible(
        f"{item_status.item_id} is not proven completed: needed {gap.needed}, found {gap.found}",
        code="not_completed",
        suggested_action=f"finish it with `millracer watch {item_status.item_id}`, then certify it",
    )


def _require_files(
    item_status: ItemStatus, changes: Changes, repository: Repository, wait: Wait
) -> WorkTree:
    files = _require_tree(repository.work_tree(item_status.item_id, wait))
    if changes.started_at is None:
        raise CertificateImpossible(
            "it is not known when and on which commit the work began: "
            f"{changes.unknown or 'the start was not recorded'}",
            suggested_action="let `millracer run` or `millracer submit` hand in work that you want "
            "to certify",
        )
    if files.differs_from_end:
        raise CertificateImpossible(
            f"the files changed after {item_status.item_id} ended, so that they are not its result",
            code="files_changed",
            suggested_action="restore the files that its work left; `run --certificate` certifies "
            "right after the work",
        )
    return files


def _require_tree(files: WorkTree) -> WorkTree:
    if files.tree is not None:
        return files
    message = f"the files of the workspace cannot be certified: {files.problem}"
    if files.is_repository:
        raise CertificateImpossible(
            message,
            code="tree_unknown",
            suggested_action="make the files readable, or let git ignore the largest ones",
        )
    raise CertificateImpossible(
        message,
        code="not_a_git_workspace",
        suggested_action="certificates need a workspace in a git repository",
    )


def _build(  # noqa: PLR0913 - the sources of a certificate
    item_status: ItemStatus,
    evidence: Evidence,
    changes: Changes,
    files: WorkTree,
    *,
    millrace: Backend,
    context: OperationContext,
    root_path: str,
) -> Certificate:
    names = millrace.evidence_files(evidence)
    digests = millrace.digest_files(names)
    evidence = strip_words(evidence, millrace.workspace)
    if changes.started_at is None or files.tree is None:
        raise AssertionError("they were required before")
    return Certificate(
        tree=files.tree,
        item_id=item_status.item_id,
        work_kind=_kind(evidence) or item_status.work_kind or "unknown",
        request_hash=item_status.request_hash,
        base_commit=changes.base_commit,
        enqueued_at=changes.started_at,
        made_at=context.clock.now(),
        invocation_id=_invocation(item_status.item_id, context, root_path),
        versions=Versions(millracer=__version__, millrace=millrace.version),
        evidence=evidence,
        byproducts=tuple(
            Byproduct(name=name, sha256=digest)
            for name, digest in digests.items()
            if digest is not None
        ),
        limits=tuple(_limits(evidence, changes, files)),
        conclusion=conclude(evidence),
    )


def _kind(evidence: Evidence) -> str | None:
    kinds = [fact.work_kind for fact in evidence.items if fact.item_id == evidence.item_id]
    return kinds[0] if kinds else None


def _limits(evidence: Evidence, changes: Changes, files: WorkTree) -> list[str]:
    limits = list(files.limits)
    if changes.dirty_before:
        limits.append("the files differed from the commit before the work began")
    if files.differs_from_end is None:
        limits.append("the end of the work was not recorded, so files may have changed since")
    if any(fact.place is CheckPlace.WORKSPACE for fact in evidence.checks):
        limits.append("checks ran in the workspace, with files that the tree does not cover")
    return limits


def _invocation(item_id: str, context: OperationContext, root_path: str) -> str | None:
    logs = context.tools.event_logs(root_path)
    if logs is None:
        return None
    with closing(logs.read(item_id)) as reader:
        head, attempts = reader.head, attempts_in(reader.read().events)
    return None if head is None or not attempts else f"{head.epoch}/{attempts[-1].number}"


def _require_verified(certificate: Certificate) -> None:
    """Refuse what a verifier would refuse."""
    wrong = [
        finding
        for finding in examine(certificate, Observed())
        if finding.result in {FindingResult.UNVERIFIED, FindingResult.CONTRADICTED}
    ]
    if wrong:
        raise CertificateImpossible(
            "; ".join(finding.message for finding in wrong),
            suggested_action="read the evidence with `millracer trace`, and correct what is named",
        )
