"""What `millracer doctor --json` prints: every check, and what the command itself met."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer import __version__
from millracer.domain.doctor_report import Check, CheckLevel, CheckName
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.run import ToolsDocument


class CheckDocument(Published):
    """One check.

    `next_command` is what to do about it: null where there is nothing to do. `detail` is more of
    it, a program's own words as a rule.
    """

    name: CheckName
    level: CheckLevel
    message: str
    next_command: str | None
    detail: str | None


class DoctorErrorDocument(Published):
    """Why the checks were not begun, or not all made."""

    code: str
    message: str
    suggested_action: str | None


class DoctorVersionsDocument(Published):
    """What was found; null where it was not."""

    millracer: str
    python: str | None = None
    sqlite: str | None = None
    millrace: str | None = None
    node: str | None = None
    pi: str | None = None


class DoctorResult(Published):
    """The one document of `millracer doctor --json`, of an error too.

    `ok` says that every check was made and none failed; warnings may be there.
    """

    schema_version: Literal["millracer.doctor.v1"] = "millracer.doctor.v1"
    ok: bool
    workspace: str | None = None
    checks: list[CheckDocument] = Field(default_factory=list)
    versions: DoctorVersionsDocument
    tools: ToolsDocument = ToolsDocument()
    errors: list[DoctorErrorDocument] = Field(default_factory=list)


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
