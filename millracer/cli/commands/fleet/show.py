"""`millracer fleet show`: everything about one item of the fleet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import Item, on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors, say_next_steps, say_warnings
from millracer.domain.failures import exit_code_of_failure
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.fleet_requests import FleetShowRequest
from millracer.errors import CertificateImpossible

if TYPE_CHECKING:
    from millracer.schemas.fleet.item import FleetItemResult

_LINES = "millracer.cli.commands.fleet.item_lines"


@on_fleet()
@with_output
def show(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    item: Item,
    wait: Annotated[bool, typer.Option("--wait", help="Print it only when it has ended.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="As --wait, and print its progress meanwhile.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", min=0, metavar="SECONDS", help="Longest wait.", show_default=False
        ),
    ] = None,
    certificate: Annotated[
        bool,
        typer.Option("--certificate", help="Print the certificate that its host signed."),
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Also the results that were refused.")
    ] = False,
    as_json: bool = False,
) -> None:
    """Show everything about one item of the fleet.

    The exit code is that of its outcome, and 0 while it is open.
    """
    request = FleetShowRequest(
        work_item_id=item, wait=wait or follow, wait_seconds=timeout if wait or follow else None
    )

    def shown(result: FleetItemResult) -> str | None:
        say_warnings(result.warnings)
        say_errors(result.errors)
        if certificate and result.item is not None:
            return None if as_json else _certificate_of(result)
        say_next_steps(result.next_steps)
        if result.item is None:
            return None
        lines: list[str] = load(f"{_LINES}:item_lines")(result, datetime.now(UTC), history=history)
        return "\n".join(lines)

    on_change = load(f"{_LINES}:say_change") if follow else None
    perform(
        OperationName.FLEET_SHOW,
        common,
        lambda _: request,
        shown,
        as_json=as_json,
        on_change=on_change,
    )


def _certificate_of(result: FleetItemResult) -> str:
    """Return the signed certificate; without one, report why and exit."""
    try:
        text: str = load(f"{_LINES}:certificate_text")(result)
    except CertificateImpossible as error:
        say_errors((error,))
        raise typer.Exit(exit_code_of_failure(error)) from error
    return text
