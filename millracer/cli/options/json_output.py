"""The options for the format of standard output: `--json` is the same as `--output json`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import Annotated, Any

import typer

from millracer.cli.options import shared as options
from millracer.cli.terminal.stdout import OutputFormat
from millracer.errors import UsageError

AsJson = Annotated[
    bool,
    typer.Option("--json", help="The same as --output json.", rich_help_panel=options.OUTPUT_GROUP),
]


def with_output(command: Callable[..., None], *, short: bool = True) -> Callable[..., None]:
    """Give a Typer command `--output` and `--json`.

    Args:
        command: has a parameter `as_json`, which gets a bool, or `output`, which gets the format.
        short: whether `-o` is `--output`; otherwise the command has another `-o`.
    """
    signature = inspect.signature(command, eval_str=True)
    own = list(signature.parameters.values())
    (taken,) = (each for each in own if each.name in {"as_json", "output"})
    default = taken.default if taken.name == "output" else OutputFormat.TEXT

    @wraps(command)
    def with_format(
        *arguments: Any, output: OutputFormat | None, as_json: bool, **values: Any
    ) -> None:
        if values.get("stream_json"):
            explicit = arguments[0].explicit
            is_text = output is OutputFormat.TEXT and not as_json
            values["stream_json"] = _is_stream(explicit, is_text=is_text)
        chosen = OutputFormat.JSON if as_json else output or default
        value = chosen if taken.name == "output" else chosen is OutputFormat.JSON
        command(*arguments, **{taken.name: value}, **values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(
            "output",
            keyword,
            default=None,
            annotation=options.Output if short else options.LongOutput,
        ),
        inspect.Parameter("as_json", keyword, default=False, annotation=AsJson),
    ]
    rest = [each for each in own if each is not taken]
    with_format.__signature__ = signature.replace(parameters=[*rest, *added])  # type: ignore[attr-defined] # Typer reads it
    with_format.__annotations__ = {}
    del with_format.__wrapped__
    return with_format


def _is_stream(explicit: Collection[str], *, is_text: bool) -> bool:
    """Whether the stream is printed: the command line takes precedence over the environment.

    Args:
        explicit: the options that the command line gives.
        is_text: whether `--output` requests text.

    Raises:
        UsageError: the same source requests the stream and text.
    """
    is_explicit = "stream_json" in explicit
    if not is_explicit and not {"output", "as_json"}.isdisjoint(explicit):
        return False
    if is_text and is_explicit is ("output" in explicit):
        raise UsageError(
            "--stream-json prints JSON, and --output text does not",
            suggested_action="leave one of them out",
        )
    return True
