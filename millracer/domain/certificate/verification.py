"""Verify a certificate: judge its facts again, and compare it with what the verifier observed.

Pure: no I/O, no clock. The signature is verified before; nothing here trusts a conclusion of the
signer. A step that the verifier requests and that cannot be done is `unverified`, never `passed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from millracer.domain.certificate.content import (
    Certificate,
    CertifiedLease,
    checks_of,
    conclude,
    facts_of,
)
from millracer.domain.certificate.findings import (
    Finding,
    VerificationStep,
    contradicted,
    not_checked,
    passed,
    unverified,
)
from millracer.domain.checks import Argv, CheckPlace, WorkVerification, name_command
from millracer.domain.run.completion import judge, verify
from millracer.domain.run.evidence import CheckFact, Evidence, Fact, SpawnFact, StageFact
from millracer.domain.run.outcome import Outcome

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCommit:
    """The commit that a verifier names, as its repository has it.

    Attributes:
        revision: the verifier's name for it.
        commit: its id; None if the repository does not have it.
        tree: the id of its tree.
        has_base: whether it is, or descends from, the commit on which the work began; None if the
            repository does not have that commit.
        uncovered: folders of the commit that no certificate covers, such as Millrace's own.
        problem: why there is no commit; empty if there is one.
    """

    revision: str
    commit: str | None = None
    tree: str | None = None
    has_base: bool | None = None
    uncovered: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEvidence:
    """The evidence as a workspace has it now.

    Attributes:
        evidence: the facts that Millrace's files give, without demanded checks.
        digests: SHA-256 (hex) of each byproduct by its name; None for a file that is missing.
    """

    evidence: Evidence
    digests: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLease:
    """The end of an item as the database of its fleet has it.

    Attributes:
        lease: the lease under which the item ended; None if the database does not have it.
        completed: whether the item ended as completed.
        code: why there is no lease; empty if there is one.
        problem: the same as a sentence.
    """

    lease: CertifiedLease | None = None
    completed: bool = False
    code: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a verifier observed; None for what it did not request.

    Attributes:
        required_checks: the checks that the certificate must prove.
        commit: the named commit.
        workspace: the evidence in the named workspace.
        rerun: how the checks ended on the tree of the commit.
        lease: the end of the item in the named fleet.
    """

    required_checks: tuple[Argv, ...] = ()
    commit: FoundCommit | None = None
    workspace: FoundEvidence | None = None
    rerun: tuple[CheckFact, ...] | None = None
    lease: FoundLease | None = None


def examine(certificate: Certificate, observed: Observed) -> tuple[Finding, ...]:
    """Return the findings about a certificate whose signature is trusted."""
    return (
        _examine_item(certificate),
        _examine_gate(certificate),
        _examine_verdict(certificate),
        _examine_times(certificate),
        _examine_binding(certificate),
        _examine_checks(certificate, observed.required_checks),
        *_examine_commit(certificate, observed.commit),
        *_examine_workspace(certificate, observed.workspace),
        _examine_rerun(certificate, observed),
        *_examine_lease(certificate, observed.lease),
    )


def _examine_item(certificate: Certificate) -> Finding:
    evidence = certificate.evidence
    own = {certificate.item_id}
    named = {evidence.item_id, *(fact.item_id for fact in evidence.checks)}
    if named != own:
        others = ", ".join(sorted(named - own)) or "another item"
        return contradicted(
            VerificationStep.ITEM,
            "other_item",
            f"the evidence is about {others}, not the certified item",
        )
    kinds = {fact.work_kind for fact in evidence.items if fact.item_id == certificate.item_id}
    if kinds != {certificate.work_kind}:
        return contradicted(
            VerificationStep.ITEM,
            "other_item",
            f"the certificate names a {certificate.work_kind}, the evidence "
            f"{' and '.join(sorted(kinds)) or 'does not have the item'}",
        )
    return passed(VerificationStep.ITEM, f"the evidence is about {certificate.item_id}")


def _examine_gate(certificate: Certificate) -> Finding:
    evidence = certificate.evidence
    verdict = judge(evidence)
    if verdict.completed:
        return passed(VerificationStep.GATE, "the facts prove completion")
    needed = "; ".join(gap.needed for gap in verdict.missing[:_SHOWN])
    if verify(evidence.demanded_checks, evidence.checks) is WorkVerification.CONTRADICTED:
        return contradicted(VerificationStep.GATE, "check_failed", f"a check failed: {needed}")
    stated = certificate.conclusion
    if stated.scoped_completion or stated.outcome is Outcome.COMPLETED:
        return contradicted(
            VerificationStep.GATE,
            "gate_disagrees",
            f"the certificate says completed, and its facts do not prove it: {needed}",
        )
    return unverified(
        VerificationStep.GATE, "not_completed", f"the certificate does not say completed: {needed}"
    )


def _examine_verdict(certificate: Certificate) -> Finding:
    if conclude(certificate.evidence) == certificate.conclusion:
        return passed(VerificationStep.VERDICT, "the stated verdict follows from the facts")
    return contradicted(
        VerificationStep.VERDICT,
        "verdict_differs",
        "the stated verdict, proof, runs or check results do not follow from the facts",
    )


def _examine_times(certificate: Certificate) -> Finding:
    early = [
        fact
        for fact in (*facts_of(certificate.evidence), *checks_of(certificate))
        if _is_outside(fact.observed_at, certificate)
    ]
    proof = [fact for fact in judge(certificate.evidence).proof if isinstance(fact, StageFact)]
    ends = [fact.completed_at for fact in proof]
    if early or any(end is not None and _is_outside(end, certificate) for end in ends):
        return contradicted(
            VerificationStep.TIMES,
            "evidence_outside_time",
            "evidence is older than the enqueue of the item, or newer than the certificate",
        )
    if None in ends:
        return unverified(
            VerificationStep.TIMES,
            "evidence_without_time",
            "Millrace did not record when a stage of the proof ended",
        )
    return passed(VerificationStep.TIMES, "the evidence is newer than the enqueue")


def _is_outside(at: datetime, certificate: Certificate) -> bool:
    return not certificate.enqueued_at <= at <= certificate.made_at


def _examine_binding(certificate: Certificate) -> Finding:
    names = [each.name for each in certificate.byproducts]
    if len(set(names)) != len(names):
        return contradicted(
            VerificationStep.BINDING, "evidence_unbound", "a file of the evidence has two digests"
        )
    places = {fact.item_id: fact.source for fact in certificate.evidence.items}
    unbound = sorted(
        {
            fact.source
            for fact in facts_of(certificate.evidence)
            if not set(names) & _sources(fact, places)
        }
    )
    if unbound:
        return contradicted(
            VerificationStep.BINDING,
            "evidence_unbound",
            f"facts come from files without a digest: {_list(unbound)}",
        )
    return passed(VerificationStep.BINDING, f"the digests of {len(names)} files bind the facts")


def _sources(fact: Fact, places: Mapping[str, str]) -> set[str]:
    """Return the files that can bind a fact.

    Millrace's event log may be the only source of a derivation. It grows, so that it has no lasting
    digest: the document of the derived item binds it.
    """
    child = places.get(fact.child_id) if isinstance(fact, SpawnFact) else None
    return {fact.source} if child is None else {fact.source, child}


def _examine_checks(certificate: Certificate, required: Sequence[Argv]) -> Finding:
    ran = checks_of(certificate)
    elsewhere = [fact for fact in ran if fact.tree not in {certificate.tree, None}]
    if elsewhere:
        return contradicted(
            VerificationStep.CHECKS,
            "other_tree",
            f"checks ran on other files than the certified ones: {_names(elsewhere)}",
        )
    unknown = [fact for fact in ran if fact.tree is None and fact.passed]
    if unknown:
        return unverified(
            VerificationStep.CHECKS,
            "tree_unknown",
            f"checks ran on unknown files: {_names(unknown)}",
        )
    proven = {fact.argv for fact in ran if fact.passed and fact.place is CheckPlace.EXPORT}
    lacking = [argv for argv in required if argv not in proven]
    if lacking:
        return unverified(
            VerificationStep.CHECKS,
            "required_check_missing",
            "the certificate does not prove, in a clean export, "
            + ", ".join(f"`{name_command(argv)}`" for argv in lacking),
        )
    if not ran:
        return not_checked(VerificationStep.CHECKS, "the certificate has no checks of the caller")
    return passed(VerificationStep.CHECKS, f"checks passed on the certified files: {_names(ran)}")


def _examine_commit(certificate: Certificate, found: FoundCommit | None) -> Iterator[Finding]:
    if found is None:
        yield not_checked(VerificationStep.COMMIT, "no commit was named")
        return
    if found.commit is None:
        yield unverified(VerificationStep.COMMIT, "commit_unknown", found.problem)
        return
    if found.tree != certificate.tree:
        more = f"; no certificate covers its folder {_list(found.uncovered)}"
        yield contradicted(
            VerificationStep.COMMIT,
            "other_commit",
            f"{found.revision} has the tree {found.tree}, not the certified {certificate.tree}"
            + (more if found.uncovered else ""),
        )
        return
    yield passed(VerificationStep.COMMIT, f"{found.revision} has the certified tree")
    if certificate.base_commit is None:
        yield not_checked(
            VerificationStep.HISTORY, "the repository had no commit when the work began"
        )
    elif found.has_base:
        yield passed(
            VerificationStep.HISTORY, f"{found.revision} descends from {certificate.base_commit}"
        )
    elif found.has_base is None:
        yield unverified(
            VerificationStep.HISTORY,
            "base_unknown",
            f"the repository lacks {certificate.base_commit}, on which the work began",
        )
    else:
        yield unverified(
            VerificationStep.HISTORY,
            "other_history",
            f"{found.revision} does not descend from {certificate.base_commit}, on which the work "
            "began",
        )


def _examine_workspace(certificate: Certificate, found: FoundEvidence | None) -> Iterator[Finding]:
    if found is None:
        yield not_checked(VerificationStep.EVIDENCE, "no workspace was named")
        return
    absent = [each.name for each in certificate.byproducts if found.digests.get(each.name) is None]
    changed = [
        each.name
        for each in certificate.byproducts
        if found.digests.get(each.name) not in {each.sha256, None}
    ]
    if changed:
        yield contradicted(
            VerificationStep.EVIDENCE, "evidence_changed", f"evidence was changed: {_list(changed)}"
        )
    if absent:
        yield unverified(
            VerificationStep.EVIDENCE, "evidence_absent", f"evidence is missing: {_list(absent)}"
        )
    if changed or absent:
        return
    yield passed(
        VerificationStep.EVIDENCE, f"{len(certificate.byproducts)} files have their digests"
    )
    yield _examine_facts(certificate, found.evidence)


def _examine_facts(certificate: Certificate, found: Evidence) -> Finding:
    stated = {_without_reading(fact) for fact in facts_of(certificate.evidence)}
    read = {_without_reading(fact) for fact in facts_of(found)}
    if stated - read:
        return contradicted(
            VerificationStep.FACTS,
            "facts_differ",
            f"the workspace's files do not give {len(stated - read)} of the certificate's facts",
        )
    again = replace(
        found,
        demanded_checks=certificate.evidence.demanded_checks,
        checks=certificate.evidence.checks,
    )
    if (again.item_id, again.kind) != (certificate.item_id, certificate.evidence.kind) or not judge(
        again
    ).completed:
        return contradicted(
            VerificationStep.FACTS, "facts_differ", "the workspace's files do not prove completion"
        )
    return passed(VerificationStep.FACTS, "the workspace's files give the facts of the certificate")


def _without_reading(fact: Fact) -> Fact:
    """Return a fact without the time at which it was read."""
    return replace(fact, observed_at=datetime.min)  # noqa: DTZ901 - a constant, not a time


def _examine_rerun(certificate: Certificate, observed: Observed) -> Finding:
    if observed.rerun is None:
        return not_checked(VerificationStep.RERUN, "the checks were not run again")
    demanded = demanded_again(certificate, observed.required_checks)
    result = verify(demanded, observed.rerun)
    if result is WorkVerification.VERIFIED:
        return passed(VerificationStep.RERUN, f"checks passed again: {_names(observed.rerun)}")
    if result is WorkVerification.CONTRADICTED:
        failed = [fact for fact in observed.rerun if fact.contradicts]
        return contradicted(
            VerificationStep.RERUN, "rerun_failed", f"checks failed: {_names(failed)}"
        )
    if result is None:
        return unverified(
            VerificationStep.RERUN, "nothing_to_rerun", "there is no check to run again"
        )
    reasons = [fact.problem for fact in observed.rerun if fact.problem]
    return unverified(
        VerificationStep.RERUN,
        "rerun_without_result",
        f"not every check could be run again: {_list(reasons) or 'a result is missing'}",
    )


def _examine_lease(certificate: Certificate, found: FoundLease | None) -> Iterator[Finding]:
    """Yield the finding about the lease; none outside of a fleet."""
    if certificate.fleet is not None:
        yield _examine_stated_lease(certificate, certificate.fleet, found)
    elif found is not None:
        yield unverified(
            VerificationStep.LEASE, "lease_missing", "the certificate has no lease of a fleet"
        )


def _examine_stated_lease(
    certificate: Certificate, lease: CertifiedLease, found: FoundLease | None
) -> Finding:
    if lease.item != certificate.item_id:
        return contradicted(
            VerificationStep.LEASE,
            "lease_of_other_item",
            f"the lease is about {lease.item}, not the certified item",
        )
    # Each taking of an item begins an attempt of the item and an epoch of the workspace.
    if lease.attempt > lease.epoch:
        return contradicted(
            VerificationStep.LEASE,
            "lease_impossible",
            f"attempt {lease.attempt} cannot have epoch {lease.epoch}",
        )
    stated = (
        f"{lease.workspace} on {lease.host}, epoch {lease.epoch}, attempt {lease.attempt}, "
        f"taken {lease.claimed_at:%Y-%m-%d %H:%M:%S}Z"
    )
    if found is None:
        return not_checked(
            VerificationStep.LEASE, f"not compared with the database of a fleet: {stated}"
        )
    return _compare_leases(lease, found, stated)


def _compare_leases(lease: CertifiedLease, found: FoundLease, stated: str) -> Finding:
    if found.lease is None:
        return unverified(VerificationStep.LEASE, found.code, found.problem)
    differing = [
        f"{each.name} {getattr(found.lease, each.name)}, not {getattr(lease, each.name)}"
        for each in fields(CertifiedLease)
        if getattr(found.lease, each.name) != getattr(lease, each.name)
    ]
    if differing:
        return contradicted(
            VerificationStep.LEASE,
            "other_lease",
            f"the fleet ended the item under another lease: {_list(differing)}",
        )
    if not found.completed:
        return contradicted(
            VerificationStep.LEASE,
            "fleet_outcome_differs",
            "the item did not end as completed in the fleet",
        )
    return passed(VerificationStep.LEASE, f"the item ended under this lease: {stated}")


def demanded_again(certificate: Certificate, required: Iterable[Argv]) -> tuple[Argv, ...]:
    """Return the checks that a rerun repeats: the certificate's, then further required ones."""
    return tuple(dict.fromkeys((*certificate.evidence.demanded_checks, *required)))


def _names(facts: Sequence[CheckFact]) -> str:
    return ", ".join(f"`{name_command(fact.argv)}`" for fact in facts)


def _list(texts: Sequence[str]) -> str:
    rest = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
