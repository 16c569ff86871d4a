"""The options that commands share.

Typer reads a command's options from its signature; `with_common_options` adds these to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial, wraps
from typing import Concatenate, ParamSpec

import typer
from typer.models import ArgumentInfo

from millracer.cli.options import shared as options
from millracer.cli.options.common import CommonOptions, common_options
from millracer.domain.configuration import ValueOrigin
from millracer.domain.run.options import COMMAND_LINE_OPTIONS, Group

_ORIGINS = {"COMMANDLINE": ValueOrigin.OPTION, "ENVIRONMENT": ValueOrigin.ENVIRONMENT}

#: The groups of the help that several commands have; None is that without a name.
_SHARED_GROUPS = frozenset({None, options.OUTPUT_GROUP, *(group.value for group in Group)})

_Own = ParamSpec("_Own")


def with_options(
    *wanted: str,
) -> Callable[[Callable[Concatenate[CommonOptions, _Own], None]], Callable[..., None]]:
    """Give a Typer command these common options; the others come from files and defaults.

    Args:
        wanted: their names in `domain.run_options`.
    """
    return partial(_with_options, wanted=frozenset(wanted))


def with_all_options_but(
    *unwanted: str,
) -> Callable[[Callable[Concatenate[CommonOptions, _Own], None]], Callable[..., None]]:
    """Give a Typer command all common options except these; see `with_options`.

    Args:
        unwanted: their names in `domain.run_options`.
    """
    return with_options(*({option.name for option in COMMAND_LINE_OPTIONS} - {*unwanted}))


def with_common_options(
    command: Callable[Concatenate[CommonOptions, _Own], None], *, despite_config: bool = False
) -> Callable[..., None]:
    """Give a Typer command the common options; it gets `CommonOptions`, then its own options.

    Args:
        command: the function that does the work.
        despite_config: call it even if the user's configuration file is unusable.
    """
    return _with_options(command, wanted=None, despite_config=despite_config)


def _with_options(
    command: Callable[Concatenate[CommonOptions, _Own], None],
    *,
    wanted: frozenset[str] | None,
    despite_config: bool = False,
) -> Callable[..., None]:
    common = options.parameters(wanted)
    names = [parameter.name for parameter in common]
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    @wraps(command)
    def with_options(context: typer.Context, **values: object) -> None:
        given = {name: values.pop(name) for name in names}
        origins = said_by(context, names)
        shared = common_options(context.obj, origins, given, despite_config=despite_config)
        given_here = said_by(context, values).items()
        explicit = (name for name, origin in given_here if origin is ValueOrigin.OPTION)
        shared = replace(shared, explicit=frozenset(explicit))
        command(shared, **values)  # type: ignore[call-arg, arg-type] # as its signature says

    first = [each for each in own if _is_argument(each) or _has_own_group(each)]
    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # Typer reads it
        [
            inspect.Parameter(
                "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
            ),
            *first,
            *common,
            *(each for each in own if each not in first),
        ]
    )
    with_options.__annotations__ = {}
    del with_options.__wrapped__
    return with_options


def _is_argument(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is a positional argument, which precedes the options."""
    return any(isinstance(each, ArgumentInfo) for each in _metadata(parameter))


def _has_own_group(parameter: inspect.Parameter) -> bool:
    """Whether the help lists an option in a group that only its command has."""
    groups = {getattr(each, "rich_help_panel", None) for each in _metadata(parameter)}
    return bool(groups - _SHARED_GROUPS)


def _metadata(parameter: inspect.Parameter) -> Sequence[object]:
    found: Sequence[object] = getattr(parameter.annotation, "__metadata__", ())
    return found


def said_by(context: typer.Context, names: Iterable[str]) -> dict[str, ValueOrigin]:
    """Return the origin of each given option; options left at their default are omitted."""
    sources = ((name, context.get_parameter_source(name)) for name in names)
    return {
        name: _ORIGINS[source.name]
        for name, source in sources
        if source is not None and source.name in _ORIGINS
    }
