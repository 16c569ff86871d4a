"""The JSON of `millracer fleet up`, `down`, `grant`, `join` and `doctor`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer.domain.doctor_report import CheckLevel
from millracer.domain.fleet.setup import (
    FleetCheck,
    FleetCheckName,
    FleetGrant,
    FleetPlace,
    FleetRole,
    FleetUp,
    is_usable,
)
from millracer.domain.run.result import ErrorRecord
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument


class FleetSetupResult(Published):
    """What a command that sets up a fleet did.

    Attributes:
        schema_version: the format of this document.
        url: the address of the database, without a password; of a grant, as in its join file.
        file: the file that other commands read the address from.
        data_folder: the folder of the private server; null for another server.
        started: whether this command started the private server.
        stopped: whether this command stopped it.
        schema_number: the version of Millracer's schema in the database.
        engine_schema_number: the version of the engine's schema in the database.
        role: the login role that was granted, revoked or joined with.
        kind: what that role may do.
        join_file: the file for `millracer fleet join`; it holds a password.
        steps: what was changed, in order; empty if nothing was.
        errors: why the command failed; empty on success.
    """

    schema_version: Literal["millracer.fleet.setup.v1"] = "millracer.fleet.setup.v1"
    url: str | None = None
    file: str | None = None
    data_folder: str | None = None
    started: bool = False
    stopped: bool = False
    schema_number: int | None = None
    engine_schema_number: int | None = None
    role: str | None = None
    kind: FleetRole | None = None
    join_file: str | None = None
    steps: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)


class FleetCheckDocument(Published):
    """One check of the fleet and its finding.

    Attributes:
        name: the check.
        level: the finding's severity.
        message: the finding as a sentence.
        next_command: fixes the problem; null if there is none.
        detail: more text, such as the database's own.
    """

    name: FleetCheckName
    level: CheckLevel
    message: str
    next_command: str | None
    detail: str | None


class FleetDoctorResult(Published):
    """The one document of `millracer fleet doctor --json`.

    Attributes:
        schema_version: the format of this document.
        ok: every check was made and none failed; there may be warnings.
        url: the address of the database, without a password.
        checks: the checks in the order in which they were made.
        errors: why the checks were not made.
    """

    schema_version: Literal["millracer.fleet.doctor.v1"] = "millracer.fleet.doctor.v1"
    ok: bool
    url: str | None = None
    checks: list[FleetCheckDocument] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)


def describe_up(done: FleetUp) -> FleetSetupResult:
    """Return the document of `fleet up`."""
    return FleetSetupResult(
        **_of_place(done.place),
        started=done.started,
        schema_number=done.schema_version,
        engine_schema_number=done.engine_version,
        steps=list(done.steps),
    )


def describe_down(place: FleetPlace, *, stopped: bool) -> FleetSetupResult:
    """Return the document of `fleet down`."""
    return FleetSetupResult(**_of_place(place), stopped=stopped)


def describe_grant(place: FleetPlace, done: FleetGrant) -> FleetSetupResult:
    """Return the document of `fleet grant`."""
    values = {**_of_place(place), "url": done.url or place.url}
    return FleetSetupResult(**values, role=done.role, kind=done.kind, join_file=done.join_file)


def describe_join(place: FleetPlace, role: str) -> FleetSetupResult:
    """Return the document of `fleet join`."""
    return FleetSetupResult(**_of_place(place), role=role)


def describe_failure(error: MillracerError, _command: str | None = None) -> FleetSetupResult:
    """Return the document of an error."""
    return FleetSetupResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def describe_checks(url: str | None, checks: list[FleetCheck]) -> FleetDoctorResult:
    """Return the document of `fleet doctor`."""
    documents = [FleetCheckDocument.of(each.finding, name=each.name) for each in checks]
    return FleetDoctorResult(ok=is_usable(checks), url=url, checks=documents)


def describe_doctor_failure(
    error: MillracerError, _command: str | None = None
) -> FleetDoctorResult:
    """Return the document of a doctor that made no check."""
    return FleetDoctorResult(ok=False, errors=[ErrorDocument.of(ErrorRecord.of(error))])


def _of_place(place: FleetPlace) -> dict[str, str | None]:
    return {"url": place.url, "file": place.source, "data_folder": place.data_folder}
