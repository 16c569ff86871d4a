"""The findings of a verification, and the answer that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from millracer.domain.checks import WorkVerification


class FindingResult(StrEnum):
    """The result of one step of a verification."""

    PASSED = "passed"
    NOT_CHECKED = "not_checked"  #: the verifier did not request it
    UNVERIFIED = "unverified"  #: it could not be confirmed
    CONTRADICTED = "contradicted"


class VerificationStep(StrEnum):
    """What a step of a verification compares."""

    SIGNATURE = "signature"  #: a trusted key signed these bytes
    FORMAT = "format"  #: the payload is a completion certificate
    ITEM = "item"  #: all facts are about the certified item
    GATE = "gate"  #: the completion gate, applied again, says completed
    VERDICT = "verdict"  #: the stated verdict is what the facts give
    TIMES = "times"  #: the evidence is from the time between enqueue and certification
    BINDING = "binding"  #: the digest of each fact's file is in the certificate
    CHECKS = "checks"  #: the checks ran on the certified tree, the required ones among them
    COMMIT = "commit"  #: the commit has the certified tree
    HISTORY = "history"  #: the commit descends from the one on which the work began
    EVIDENCE = "evidence"  #: the workspace still has the files with these digests
    FACTS = "facts"  #: the workspace's files give the facts of the certificate
    RERUN = "rerun"  #: the checks pass again
    LEASE = "lease"  #: the lease is about the item, and the fleet's database has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one step.

    Attributes:
        code: names a result other than passed and not checked; empty for these.
        message: the result as a sentence.
    """

    step: VerificationStep
    result: FindingResult
    message: str
    code: str = ""


def passed(step: VerificationStep, message: str) -> Finding:
    """Return the finding of a step that confirms the certificate."""
    return Finding(step=step, result=FindingResult.PASSED, message=message)


def not_checked(step: VerificationStep, message: str) -> Finding:
    """Return the finding of a step that the verifier did not request."""
    return Finding(step=step, result=FindingResult.NOT_CHECKED, message=message)


def unverified(step: VerificationStep, code: str, message: str) -> Finding:
    """Return the finding of a step that could not confirm the certificate."""
    return Finding(step=step, result=FindingResult.UNVERIFIED, code=code, message=message)


def contradicted(step: VerificationStep, code: str, message: str) -> Finding:
    """Return the finding of a step that shows that the certificate is wrong."""
    return Finding(step=step, result=FindingResult.CONTRADICTED, code=code, message=message)


def answer_of(findings: Iterable[Finding]) -> WorkVerification:
    """Return the answer of a verification: the worst of its findings; unverified without any."""
    results = {finding.result for finding in findings}
    if FindingResult.CONTRADICTED in results:
        return WorkVerification.CONTRADICTED
    if FindingResult.UNVERIFIED in results or FindingResult.PASSED not in results:
        return WorkVerification.UNVERIFIED
    return WorkVerification.VERIFIED
