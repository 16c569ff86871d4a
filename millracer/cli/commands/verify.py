"""`millracer verify`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say, say_errors, say_warnings
from millracer.domain.certificate.findings import FindingResult
from millracer.domain.checks import split_command
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import VerifyRequest
from millracer.errors import InvalidRequest, UsageError

if TYPE_CHECKING:
    from millracer.schemas.certificate.results import VerifyResult

#: A certificate with a thousand facts has less than a mebibyte.
_LONGEST_BYTES = 16 * 1024 * 1024
_MARKS = {
    FindingResult.PASSED: "\u2713",
    FindingResult.NOT_CHECKED: "-",
    FindingResult.UNVERIFIED: "?",
    FindingResult.CONTRADICTED: "\u2717",
}


@with_options("workspace", "session_id", "check_timeout_seconds")
@with_output
def verify(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The certificate.")],
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="PATH",
            help="File with a public key to trust; repeatable.  [default: your trusted keys]",
        ),
    ] = None,
    commit: Annotated[
        str | None,
        typer.Option("--commit", metavar="REV", help="The commit that must have the files."),
    ] = None,
    require_check: Annotated[
        list[str] | None,
        typer.Option(
            "--require-check",
            metavar="COMMAND",
            help="A check that the certificate must prove, in a clean export; repeatable.",
        ),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run the checks again on the files of --commit.")
    ] = False,
    fleet: Annotated[
        str | None,
        typer.Option(
            "--fleet",
            metavar="NAME|FILE",
            help="Compare the lease of a fleet's item with the database of this fleet: a file "
            "such as fleet.toml, or the NAME of fleet-NAME.toml in your configuration folder.",
        ),
    ] = None,
    as_json: bool = False,
) -> None:
    """Verify a certificate, without Millrace, pi and network.

    Judges its facts again. With --workspace, also compares Millrace's evidence there. Only --fleet
    uses the network. Exits 0 if it is verified, 3 if it is unverified, 4 if it is contradicted.
    """
    common = replace(common, fleet=fleet)

    def request(_: object) -> VerifyRequest:
        return VerifyRequest(
            content=_read(file),
            keys=tuple(map(str, key or ())),
            commit=commit,
            with_evidence=common.workspace is not None,
            required_checks=tuple(map(_split, require_check or ())),
            rerun=rerun,
            with_lease=fleet is not None,
        )

    perform(OperationName.VERIFY, common, request, _show, as_json=as_json)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(
            f"the certificate {path} cannot be read: {error.strerror}",
            field="file",
            suggested_action="name the file that `millracer certify` wrote",
        ) from error
    if len(content) > _LONGEST_BYTES:
        raise InvalidRequest(
            f"{path} is too large for a certificate",
            field="file",
            suggested_action="name the file that `millracer certify` wrote",
        )
    return content


def _split(text: str) -> tuple[str, ...]:
    try:
        return split_command(text)
    except ValueError as error:
        raise UsageError(
            f"--require-check {text!r} is not a command: {error}",
            suggested_action="write the command as for `run --check`",
        ) from error


def _show(result: VerifyResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    for finding in result.findings:
        code = f" ({finding.code})" if finding.code else ""
        say(f"{_MARKS[finding.result]} {finding.step}: {finding.message}{code}")
    for limit in result.limits:
        say(f"not covered: {limit}")
    return result.verification
