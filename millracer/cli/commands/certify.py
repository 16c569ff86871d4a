"""`millracer certify`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say, say_errors, say_warnings
from millracer.domain.operations import CHECK_OPTIONS, OperationName
from millracer.domain.operations.requests import CertifyRequest
from millracer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millracer.domain.work.runtime import JsonObject
    from millracer.schemas.certificate.results import CertifyResult

SigningKey = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="PATH",
        help="File with the signing key.  [default: MILLRACER_SIGNING_KEY, else your own key]",
    ),
]


@with_options(*queue_options.HERE, *CHECK_OPTIONS)
@partial(with_output, short=False)
def certify(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    item: queue_options.Item,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Write the certificate to this file.  [default: standard output]",
        ),
    ] = None,
    test_results: Annotated[
        Path | None,
        typer.Option(
            "--test-results",
            metavar="PATH",
            help="Write each check as a signed in-toto test result to this file, one a line.",
        ),
    ] = None,
    key: SigningKey = None,
    as_json: bool = False,
) -> None:
    """Make a signed certificate of one completed work item.

    Reads Millrace's evidence again, judges it, and runs the demanded checks.
    """

    def request(_: object) -> CertifyRequest:
        if not item.strip():
            raise UsageError("ID is empty", suggested_action="give the work item's id")
        _require_writable(out, test_results)
        return CertifyRequest(work_item_id=item, key=None if key is None else str(key))

    def show(result: CertifyResult) -> str | None:
        say_warnings(result.warnings)
        say_errors(result.errors)
        if result.certificate is None:
            return None
        for limit in result.limits:
            say(f"not covered: {limit}")
        if test_results is not None:
            _write(test_results, result.test_results)
        if out is None:
            return None if as_json else json.dumps(result.certificate)
        _write(out, (result.certificate,))
        say(f"certified {result.work_item_id}: {out}")
        return None

    perform(OperationName.CERTIFY, common, request, show, as_json=as_json)


def _require_writable(*paths: Path | None) -> None:
    from millracer.wiring.user_files import require_writable  # noqa: PLC0415 - `--help` must load fast

    for path in paths:
        if path is not None:
            require_writable(path)


def _write(path: Path, envelopes: Iterable[JsonObject]) -> None:
    from millracer.wiring.user_files import write_file  # noqa: PLC0415 - `--help` must load fast

    write_file(path, "".join(json.dumps(each) + "\n" for each in envelopes))
