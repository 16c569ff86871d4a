"""`millracer keys`: the keys that sign and verify certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from millracer.cli.command import completed
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stderr import say, say_errors
from millracer.cli.terminal.stdout import print_shown, print_text
from millracer.cli.terminal.tables import table
from millracer.domain.failures import exit_code_of_error
from millracer.errors import ExitCode
from millracer.ports import CertificateKeys, KeyInfo
from millracer.schemas.base import render
from millracer.schemas.certificate.results import KeysResult, describe_keys_failure
from millracer.wiring import open_keys


@with_output
def new(*, as_json: bool = False) -> None:
    """Create your signing key.

    The private key is readable by you alone. Give `signing.pub`, beside it, to verifiers.
    """

    def show(result: KeysResult) -> None:
        for key in result.keys:
            public = Path(key.path).with_suffix(".pub")
            say(f"the signing key is {key.path}; give verifiers {public}")

    _perform(lambda keys: (keys.new(),), show, as_json=as_json)


@with_output
def list_keys(*, as_json: bool = False) -> None:
    """List your signing key and the keys that you trust."""

    def show(result: KeysResult) -> None:
        rows = [
            (each.name, "signs" if each.is_signing else "trusted", each.key_id[:16], each.path)
            for each in result.keys
        ]
        text = "\n".join(table(("NAME", "USE", "KEY ID", "FILE"), rows)) if rows else "no keys"
        print_shown(text)

    _perform(lambda keys: keys.known(), show, as_json=as_json)


@with_output
def trust(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The public key, in PEM.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Its name.  [default: the file's name]")
    ] = None,
    as_json: bool = False,
) -> None:
    """Trust what a public key signed, whenever `verify` gets no --key."""

    def show(result: KeysResult) -> None:
        for key in result.keys:
            say(f"trusted as {key.name}: {key.path}")

    _perform(lambda keys: (keys.trust(str(file), name),), show, as_json=as_json)


def _perform(
    work: Callable[[CertificateKeys], tuple[KeyInfo, ...]],
    show: Callable[[KeysResult], None],
    *,
    as_json: bool,
) -> None:
    result = completed(lambda: KeysResult.of_keys(work(open_keys())), describe_keys_failure)
    say_errors(result.errors)
    if as_json:
        print_text(render(result))
    elif not result.errors:
        show(result)
    code = exit_code_of_error(result.errors[0].code) if result.errors else ExitCode.COMPLETED
    raise typer.Exit(code)
