"""`millracer fleet doctor`: print each check of the fleet, or all as one JSON document."""

from __future__ import annotations

import typer

from millracer.cli.commands.fleet.frame import conclude
from millracer.cli.options.fleet import FleetOption
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.stdout import print_shown
from millracer.domain.doctor_report import CheckLevel
from millracer.errors import ExitCode
from millracer.schemas.fleet.setup import (
    FleetDoctorResult,
    describe_checks,
    describe_doctor_failure,
)
from millracer.wiring import fleet as wiring

_LABELS = {
    CheckLevel.OK: "ok",
    CheckLevel.WARNING: "warning",
    CheckLevel.FAIL: "fail",
    CheckLevel.SKIPPED: "-",
}


@with_output
def doctor(*, fleet: FleetOption = None, as_json: bool = False) -> None:
    """Check whether the fleet works and is safe.

    Nothing is changed.
    """
    is_ok = True

    def work() -> FleetDoctorResult:
        nonlocal is_ok
        place, checks = wiring.check_fleet(fleet)
        result = describe_checks(place.url, list(checks))
        is_ok = result.ok
        return result

    code = conclude(work, describe_doctor_failure, _show, as_json=as_json)
    raise typer.Exit(code or (ExitCode.COMPLETED if is_ok else ExitCode.FAILED))


def _show(result: FleetDoctorResult) -> None:
    lines: list[str] = []
    for check in result.checks:
        name = check.name.replace("_", " ")
        lines += hanging(f"{_LABELS[check.level]:<8} {name:<15} ", check.message)
        if check.next_command is not None:
            lines += hanging(f"{'':<24} next: ", check.next_command)
    print_shown("\n".join(lines))
