"""The JSON of `millracer doctor --json`: every check, and the errors of the command itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer import __version__
from millracer.domain.doctor_report import Check, CheckLevel, CheckName
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.run.document import ToolsDocument
from millracer.schemas.run.outcome_error import OutcomeError


class CheckDocument(Published):
    """One check and its finding.

    Attributes:
        name: the check; docs/doctor.md describes each.
        level: the finding's severity.
        message: the finding as a sentence.
        next_command: fixes the problem; null if there is none.
        detail: more text, usually a program's own output.
    """

    name: CheckName
    level: CheckLevel
    message: str
    next_command: str | None
    detail: str | None


class NotHealthy(OutcomeError):
    """A check of a diagnosis failed, or not all checks could be made."""

    result: DoctorResult


class DoctorErrorDocument(Published):
    """Why the checks did not start or not all finished.

    Attributes:
        code: identifies the error; docs/troubleshooting.md lists the codes.
        message: the error as a sentence.
        suggested_action: the next step; null if there is none.
    """

    code: str
    message: str
    suggested_action: str | None


class DoctorVersionsDocument(Published):
    """The versions found; null for a program that was not found.

    Attributes:
        millracer: the version of Millracer.
        python: the version of the Python that runs Millracer.
        sqlite: the version of that Python's SQLite.
        millrace: the version of Millrace.
        node: the version of the Node that pi runs on.
        pi: the version of pi.
    """

    millracer: str
    python: str | None = None
    sqlite: str | None = None
    millrace: str | None = None
    node: str | None = None
    pi: str | None = None


class DoctorResult(Published):
    """The one document of `millracer doctor --json`, also for an error.

    Attributes:
        schema_version: the format of this document.
        ok: every check ran and none failed; there may be warnings.
        workspace: the absolute path of the workspace.
        checks: the checks in the order in which they ran.
        versions: the versions found.
        tools: the programs found, and their origins.
        errors: why the checks did not start or not all finished.
    """

    schema_version: Literal["millracer.doctor.v1"] = "millracer.doctor.v1"
    ok: bool
    workspace: str | None = None
    checks: list[CheckDocument] = Field(default_factory=list)
    versions: DoctorVersionsDocument
    tools: ToolsDocument = ToolsDocument()
    errors: list[DoctorErrorDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if every check ran and none failed.

        Raises:
            NotHealthy: otherwise; the error's `result` is this document.
        """
        if self.ok:
            return
        failures = (*self.errors, *map(describe_trouble, self.causes()))
        raise NotHealthy(
            self, "a check failed", outcome="check_failed", errors=failures, next_steps=()
        )

    def causes(self) -> tuple[MillracerError, ...]:
        """Return one error for each failed check."""
        return tuple(
            MillracerError(
                f"the check {each.name} failed: {each.message}",
                code="check_failed",
                suggested_action=each.next_command
                or f"see the check `{each.name}` in docs/doctor.md",
            )
            for each in self.checks
            if each.level is CheckLevel.FAIL
        )


def describe_check(check: Check) -> CheckDocument:
    """Return a check as it is printed."""
    return CheckDocument.of(check.finding, name=check.name)


def describe_trouble(error: MillracerError) -> DoctorErrorDocument:
    """Return an error of the command itself as it is printed."""
    return DoctorErrorDocument.of(error)


def describe_failure(error: MillracerError, _command: str | None = None) -> DoctorResult:
    """Return the document of a command that failed before its first check."""
    return DoctorResult(
        ok=False,
        versions=DoctorVersionsDocument(millracer=__version__),
        errors=[describe_trouble(error)],
    )
