"""Verify a certificate, without Millrace, pi and network."""

from __future__ import annotations

from dataclasses import dataclass, replace

from millracer.cancellation import Wait
from millracer.domain.certificate.content import Certificate, strip_words
from millracer.domain.certificate.findings import VerificationStep, answer_of, passed, unverified
from millracer.domain.certificate.names import PAYLOAD_TYPE
from millracer.domain.certificate.verification import (
    FoundCommit,
    FoundEvidence,
    FoundLease,
    Observed,
    demanded_again,
    examine,
)
from millracer.domain.checks import CheckPlace, DemandedChecks, WorkVerification
from millracer.domain.operations.requests import VerifyRequest
from millracer.domain.run.evidence import CheckFact
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ExitCode, FleetUnreachable, UsageError
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, SelectedWorkspace
from millracer.ports import OpenedEnvelope
from millracer.run.check_bench import CheckBench
from millracer.schemas.certificate.results import VerifyResult
from millracer.schemas.certificate.statement import NotACertificate, read_lease, read_statement

EXIT_CODES = {
    WorkVerification.VERIFIED: ExitCode.COMPLETED,
    WorkVerification.UNVERIFIED: ExitCode.INCOMPLETE,
    WorkVerification.CONTRADICTED: ExitCode.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class _Verifier:
    """Observes what a request names, in the caller's workspace."""

    request: VerifyRequest
    context: OperationContext
    place: SelectedWorkspace

    def observe(self, certificate: Certificate, observed: Observed) -> Observed:
        commit = self._find_commit(certificate)
        observed = replace(
            observed,
            commit=commit,
            workspace=self._read_evidence(certificate) if self.request.with_evidence else None,
        )
        if not self.request.rerun or commit is None or commit.tree != certificate.tree:
            return observed
        # A certificate that is wrong already starts no program.
        if answer_of(examine(certificate, observed)) is not WorkVerification.VERIFIED:
            return observed
        return replace(observed, rerun=self._rerun(certificate, commit))

    def _find_commit(self, certificate: Certificate) -> FoundCommit | None:
        if self.request.commit is None:
            return None
        repository = self.context.tools.repository(self.place.root_path)
        wait = Wait(self.context.cancellation)
        return repository.find_commit(self.request.commit, certificate.base_commit, wait)

    def _read_evidence(self, certificate: Certificate) -> FoundEvidence:
        millrace = self.context.open_millrace(self.place.root_path)
        named = ItemStatus(
            item_id=certificate.item_id,
            state=ItemState.ABSENT,
            source="",
            observed_at=self.context.clock.now(),
            kind=certificate.evidence.kind,
            work_kind=certificate.work_kind,
        )
        return FoundEvidence(
            evidence=strip_words(millrace.trace_lineage(named), millrace.workspace),
            digests=millrace.digest_files(each.name for each in certificate.byproducts),
        )

    def _rerun(self, certificate: Certificate, commit: FoundCommit) -> tuple[CheckFact, ...]:
        merged = self.context.options.for_workspace(self.place.root_path)
        wait = Wait(self.context.cancellation)
        bench = CheckBench(
            item_id=certificate.item_id,
            demanded=DemandedChecks(
                commands=demanded_again(certificate, self.request.required_checks),
                place=CheckPlace.EXPORT,
                timeout_seconds=merged.options.check_timeout_seconds,
            ),
            runner=self.context.tools.check_runner(),
            clock=self.context.clock,
            wait=wait,
        )
        repository = self.context.tools.repository(self.place.root_path)
        with repository.export_commit(commit.commit or "", wait) as export:
            return bench.run(export)


def answer_verify(request: VerifyRequest, context: OperationContext) -> Answer[VerifyResult]:
    """Verify a certificate; the caller's workspace has the commit and the evidence.

    Raises:
        FleetError: the fleet to compare the lease with is not set up, or refuses the caller.
        KeyUnusable: a key cannot be read or is in the workspace, or no key is trusted.
        UsageError: a rerun needs a commit.
        InvalidRequest: the workspace cannot be used.
        Cancelled: the caller requested a stop.
    """
    if request.rerun and request.commit is None:
        raise UsageError(
            "--rerun runs the checks on the files of a commit, and none is named",
            suggested_action="name the commit with --commit",
        )
    context.cancellation.raise_if_cancelled()
    needs_place = request.commit is not None or request.with_evidence
    place = context.find_workspace() if needs_place else None
    workspace = None if place is None else place.root_path
    opened = context.tools.keys().open(request.content, request.keys, workspace)
    if opened.payload is None:
        return _answer_with(VerifyResult.of_findings((opened.finding,)))
    certificate = _read(opened)
    if isinstance(certificate, str):
        wrong = unverified(VerificationStep.FORMAT, "not_a_completion", certificate)
        result = VerifyResult.of_findings((opened.finding, wrong), key_id=opened.key_id)
        return _answer_with(result)
    observed = Observed(
        required_checks=request.required_checks,
        lease=_find_lease(certificate, context) if request.with_lease else None,
    )
    warnings = context.memory.warnings
    if place is not None:
        observed = _Verifier(request, context, place).observe(certificate, observed)
        warnings = (*place.warnings, *warnings)
    findings = (
        opened.finding,
        passed(VerificationStep.FORMAT, "it is a completion certificate"),
        *examine(certificate, observed),
    )
    if request.rerun and observed.rerun is None:
        findings = (
            *(finding for finding in findings if finding.step is not VerificationStep.RERUN),
            unverified(
                VerificationStep.RERUN,
                "not_rerun",
                "the checks were not run again: see the other results",
            ),
        )
    return _answer_with(
        VerifyResult.of_findings(
            findings, certificate=certificate, key_id=opened.key_id, warnings=warnings
        )
    )


def _find_lease(certificate: Certificate, context: OperationContext) -> FoundLease:
    """Return the end of the certified item in the database of the caller's fleet.

    Raises:
        FleetError: the fleet is not set up, or refuses the caller.
    """
    name = certificate.item_id
    try:
        with context.open_fleet() as store:
            detail = store.find_item(name)
    except FleetUnreachable as error:
        return FoundLease(is_away=True, problem=error.message)
    if detail is None or detail.result is None:
        lacking = "does not have the item" if detail is None else "has no result of it"
        return FoundLease(problem=f"the fleet {lacking}: {name}")
    item = detail.item
    try:
        delivered = read_lease(detail.result.get("fleet"))
    except NotACertificate as error:
        problem = f"the result in the fleet has no usable lease: {error}"
        return FoundLease(problem=problem)
    # What the database itself counts precedes what the host delivered.
    lease = replace(
        delivered,
        workspace=item.workspace_id or delivered.workspace,
        epoch=item.epoch or 0,
        attempt=item.attempts,
        claimed_at=item.claimed_at or delivered.claimed_at,
    )
    return FoundLease(lease=lease, completed=item.completed is True)


def _read(opened: OpenedEnvelope) -> Certificate | str:
    """Return the signed certificate, or why the signed bytes are not one."""
    if opened.payload_type != PAYLOAD_TYPE:
        return f"the signed payload is of the type {opened.payload_type}"
    try:
        return read_statement(opened.payload or b"")
    except NotACertificate as error:
        return f"the signed payload is not a completion certificate: {error}"


def _answer_with(result: VerifyResult) -> Answer[VerifyResult]:
    code = ExitCode.USAGE if result.verification is None else EXIT_CODES[result.verification]
    return Answer(result=result, exit_code=code)
