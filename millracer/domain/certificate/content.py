"""The content of a completion certificate, independent of its format and its signature.

A certificate holds every input of the completion gate, so that a verifier can judge again, and what
the signer concluded from them. `certify` is the only function that concludes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from millracer.domain.checks import WorkVerification
from millracer.domain.run.completion import Verdict, judge, verify
from millracer.domain.run.evidence import CheckFact, Evidence, Fact, run_of, state_fact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import Versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Byproduct:
    """One file of the evidence.

    Attributes:
        name: its path in the workspace.
        sha256: the digest of its content, in hex.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedProof:
    """One fact of the proof in words."""

    reason: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What the signer concluded from the evidence.

    Attributes:
        runs: the runs that the proof comes from, in its order.
        witness: the result of the demanded checks; None if none were demanded.
    """

    outcome: Outcome
    scoped_completion: bool
    runs: tuple[str, ...]
    proof: tuple[StatedProof, ...]
    witness: WorkVerification | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedLease:
    """The lease of a fleet under which a host did the work.

    Attributes:
        item: the item's id in the fleet.
        dispatch: which dispatch of the item it was, from 1.
        workspace: the workspace's id in the fleet.
        identity: the UUID of the checkout.
        host: the host's name in the fleet.
        session: the UUID of the host's worker.
        epoch: the number of the workspace's lease, from 1.
        attempt: how often a host had taken the item, this time included.
        claimed_at: when the host took the item, by the database's clock.
        engine: name and version of what dispatched it.
    """

    item: str
    dispatch: int
    workspace: str
    identity: str
    host: str
    session: str
    epoch: int
    attempt: int
    claimed_at: datetime
    engine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A statement that a tree of files is the result of one completed work item.

    Attributes:
        tree: the id of the git tree of the files that the work left.
        item_id: the work item.
        work_kind: Millrace's name for its kind.
        request_hash: SHA-256 (hex) of the request; None if it is not known.
        base_commit: HEAD before the item was enqueued; None in a repository without commits.
        enqueued_at: when the files were measured, right before the item was enqueued.
        made_at: when the evidence was read and the checks had ended.
        invocation_id: the attempt that reported the end, `EPOCH/ATTEMPT`; None without an event
            log.
        versions: of the programs.
        evidence: every input of the gate, demanded checks and their results included.
        byproducts: the files that the facts of the evidence come from.
        limits: what the tree does not cover, in sentences.
        conclusion: what the signer concluded.
        fleet: the lease under which a fleet did the work; None outside of one.
    """

    tree: str
    item_id: str
    work_kind: str
    request_hash: str | None
    base_commit: str | None
    enqueued_at: datetime
    made_at: datetime
    invocation_id: str | None
    versions: Versions
    evidence: Evidence
    byproducts: tuple[Byproduct, ...]
    limits: tuple[str, ...]
    conclusion: Conclusion
    fleet: CertifiedLease | None = None


def conclude(evidence: Evidence) -> Conclusion:
    """Judge the evidence with the completion gate, and return what follows for a certificate."""
    verdict = judge(evidence)
    return Conclusion(
        outcome=_outcome(verdict),
        scoped_completion=verdict.completed,
        runs=tuple(
            dict.fromkeys(run for fact in verdict.proof if (run := run_of(fact)) is not None)
        ),
        proof=tuple(map(_state, verdict.proof)),
        witness=verify(evidence.demanded_checks, evidence.checks),
    )


def _outcome(verdict: Verdict) -> Outcome:
    if verdict.completed:
        return Outcome.COMPLETED
    return Outcome.BLOCKED if verdict.blocked else Outcome.INCOMPLETE


def _state(fact: Fact) -> StatedProof:
    return StatedProof(reason=state_fact(fact), source=fact.source, at=fact.observed_at)


def strip_words(evidence: Evidence, root: str) -> Evidence:
    """Return the evidence as a certificate holds it.

    Texts that people or models wrote are left out, since they prove nothing and may hold secrets.
    Sources are relative to the workspace, so that they are the same in a copy of it.

    Args:
        evidence: the facts that Millrace's files give.
        root: the absolute path of the workspace.
    """

    def source(fact: Fact) -> str:
        return fact.source.removeprefix(root.rstrip("/") + "/")

    return replace(
        evidence,
        items=tuple(
            replace(fact, source=source(fact), detail="", waits_for=()) for fact in evidence.items
        ),
        spawns=tuple(replace(fact, source=source(fact)) for fact in evidence.spawns),
        stages=tuple(
            replace(fact, source=source(fact), runner_failure=None) for fact in evidence.stages
        ),
        closures=tuple(replace(fact, source=source(fact)) for fact in evidence.closures),
        checks=tuple(replace(fact, output="") for fact in evidence.checks),
    )


def facts_of(evidence: Evidence) -> tuple[Fact, ...]:
    """Return the facts that come from Millrace's files; checks are not among them."""
    return (*evidence.items, *evidence.spawns, *evidence.stages, *evidence.closures)


def checks_of(certificate: Certificate) -> tuple[CheckFact, ...]:
    """Return how the checks of the certificate ended."""
    return certificate.evidence.checks
