"""The JSON of `millracer certify`, `verify` and `keys` with `--json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from millracer.domain.certificate.content import Certificate
from millracer.domain.certificate.findings import (
    Finding,
    FindingResult,
    VerificationStep,
    answer_of,
)
from millracer.domain.checks import WorkVerification
from millracer.domain.run.result import ErrorRecord
from millracer.domain.work.runtime import JsonObject
from millracer.errors import MillracerError, RunWarning
from millracer.ports.certificates import KeyInfo
from millracer.schemas.base import NEVER_REDACTED, Code, Published
from millracer.schemas.run.document import ErrorDocument
from millracer.schemas.run.outcome_error import OutcomeError


class NotCertified(OutcomeError):
    """No certificate was made."""

    result: CertifyResult


class CertifyResult(Published):
    """A signed certificate of one completed work item.

    Attributes:
        schema_version: the format of this document.
        workspace: the path of the workspace.
        work_item_id: the certified item; null if there is an error.
        tree: the git tree of the certified files.
        verification: the result of the demanded checks; null if none were demanded.
        key_id: the key that signed.
        limits: what the tree does not cover.
        certificate: the signed envelope, as `--out` writes it; null if there is an error.
        test_results: each check as a signed in-toto `test-result`, as `--test-results` writes it.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why there is no certificate; empty if there is one.
    """

    schema_version: Literal["millracer.certify.v1"] = "millracer.certify.v1"
    workspace: str | None = None
    work_item_id: str | None = None
    tree: str | None = None
    verification: WorkVerification | None = None
    key_id: Code | None = None
    limits: list[str] = Field(default_factory=list)
    # A change of one character would break a signature.
    certificate: Annotated[dict[str, Any] | None, NEVER_REDACTED] = None
    test_results: Annotated[list[dict[str, Any]], NEVER_REDACTED] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)

    @classmethod
    def of_signed(  # noqa: PLR0913 - the parts of the document
        cls,
        certificate: Certificate,
        *,
        workspace: str,
        key_id: str,
        envelope: JsonObject,
        test_results: Sequence[JsonObject],
        warnings: Iterable[RunWarning] = (),
    ) -> CertifyResult:
        """Return the document of a certificate."""
        return cls(
            workspace=workspace,
            work_item_id=certificate.item_id,
            tree=certificate.tree,
            verification=certificate.conclusion.witness,
            key_id=key_id,
            limits=list(certificate.limits),
            certificate=envelope,
            test_results=list(test_results),
            warnings=[str(warning) for warning in warnings],
        )

    def raise_for_outcome(self) -> None:
        """Do nothing if there is a certificate.

        Raises:
            NotCertified: otherwise; the error's `result` is this document.
        """
        if not self.errors:
            return
        raise NotCertified(
            self, "no certificate was made", outcome="failed", errors=self.errors, next_steps=()
        )


class FindingDocument(Published):
    """The result of one step of a verification.

    Attributes:
        step: what was compared.
        result: the result.
        code: names the result; empty if the step passed or was not requested.
        message: the result as a sentence.
    """

    step: VerificationStep
    result: FindingResult
    code: Code
    message: str


class NotVerified(OutcomeError):
    """A certificate is not verified."""

    result: VerifyResult


class VerifyResult(Published):
    """The verification of a certificate. Gate on `verification`.

    Attributes:
        schema_version: the format of this document.
        verification: `verified` if every requested step passed; null if there is an error.
        work_item_id: the certified item; null if no trusted key signed the certificate.
        tree: the certified git tree.
        key_id: the trusted key that signed it.
        findings: the result of each step.
        limits: what the tree does not cover, as the signer states it.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why nothing could be verified; empty unless the command failed.
    """

    schema_version: Literal["millracer.verify.v1"] = "millracer.verify.v1"
    verification: WorkVerification | None = None
    work_item_id: str | None = None
    tree: str | None = None
    key_id: Code | None = None
    findings: list[FindingDocument] = Field(default_factory=list)
    limits: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)

    @classmethod
    def of_findings(
        cls,
        findings: Sequence[Finding],
        *,
        certificate: Certificate | None = None,
        key_id: str | None = None,
        warnings: Iterable[RunWarning] = (),
    ) -> VerifyResult:
        """Return the document of a verification.

        Args:
            findings: the results of its steps.
            certificate: the content, if a trusted key signed it.
            key_id: that key.
            warnings: problems that did not stop it.
        """
        return cls(
            verification=answer_of(findings),
            work_item_id=None if certificate is None else certificate.item_id,
            tree=None if certificate is None else certificate.tree,
            key_id=key_id,
            findings=[FindingDocument.of(finding) for finding in findings],
            limits=[] if certificate is None else list(certificate.limits),
            warnings=[str(warning) for warning in warnings],
        )

    def raise_for_outcome(self) -> None:
        """Do nothing if the certificate is verified.

        Raises:
            NotVerified: otherwise; the error's `result` is this document.
        """
        if self.verification is WorkVerification.VERIFIED:
            return
        raise NotVerified(
            self,
            f"the certificate is {self.verification or 'not readable'}",
            outcome=self.verification or "failed",
            errors=self.errors,
            next_steps=(),
        )


class KeyDocument(Published):
    """One key of the user.

    Attributes:
        key_id: identifies its public half.
        name: its name.
        path: its file.
        is_signing: whether it is the signing key; otherwise the user trusts it.
    """

    key_id: Code
    name: str
    path: str
    is_signing: bool


class KeysResult(Published):
    """The user's keys, or the one that a command made or trusted.

    Attributes:
        schema_version: the format of this document.
        keys: the keys.
        errors: why the command failed; empty unless it did.
    """

    schema_version: Literal["millracer.keys.v1"] = "millracer.keys.v1"
    keys: list[KeyDocument] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)

    @classmethod
    def of_keys(cls, keys: Iterable[KeyInfo]) -> KeysResult:
        """Return the document of keys."""
        return cls(keys=[KeyDocument.of(key) for key in keys])


def describe_certify_failure(error: MillracerError, _command: str | None = None) -> CertifyResult:
    """Return the document of a failed `certify`."""
    return CertifyResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def describe_verify_failure(error: MillracerError, _command: str | None = None) -> VerifyResult:
    """Return the document of a failed `verify`."""
    return VerifyResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def describe_keys_failure(error: MillracerError, _command: str | None = None) -> KeysResult:
    """Return the document of a failed `keys`."""
    return KeysResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
