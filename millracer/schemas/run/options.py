"""The options of a run as one source gives them: a file or a request. Generated from the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    ConfigDict,
    Field,
    create_model,
)

from millracer.domain.checks import is_command
from millracer.domain.run.options import PROGRAM_OPTIONS, RUN_OPTIONS, Form, Option
from millracer.schemas.base import Incoming, OptionalText, TargetName, Texts
from millracer.schemas.descriptions import describe_fields
from millracer.schemas.lenient import NAMES_TARGET


def _require_program(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not is_command(argv):
        raise ValueError("it should name a program first, then its arguments")
    return argv


#: Commands as lists of words. A request with an unusable one is refused: without it, work could
#: count as completed that the caller has not confirmed.
_Commands = Annotated[
    Annotated[
        tuple[
            Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_require_program)], ...
        ],
        Field(fail_fast=True),
    ]
    | None,
    NAMES_TARGET,
]


def field_of(option: Option) -> tuple[Any, Any]:
    """Return the pydantic type and default of an option that a source may leave out."""
    kind = option.kind
    described = Field(description=option.help_text.partition("  [default")[0])
    if option.form is Form.ARGV:
        return Annotated[_Commands, described], ()
    if kind is tuple:
        return Annotated[Texts, described], ()
    if kind is str:
        text = TargetName if option.chooses_place else OptionalText
        return Annotated[text, described], None
    if kind is float:
        limited = Field(ge=option.minimum, allow_inf_nan=False)
        return Annotated[float | None, limited, described], None
    if kind is int:
        return Annotated[int | None, Field(ge=option.minimum), described], None
    return Annotated[kind | None, described], None


def fields_of(options: Sequence[Option]) -> dict[str, Any]:
    """Return the fields of a model whose source may set these options."""
    return {option.name: field_of(option) for option in options}


class _RunOptions(Incoming):
    """The options that one source gives; None: not given.

    Each is the option of `millracer run` with the same name, meaning and unit.
    """

    def given(self) -> dict[str, Any]:
        """Return the options of a run that have a value here."""
        values = {option.name: getattr(self, option.name) for option in RUN_OPTIONS}
        return {name: value for name, value in values.items() if value not in (None, ())}


if TYPE_CHECKING:  # a type checker cannot follow generated fields; `given` returns them
    GivenOptions = _RunOptions
else:
    GivenOptions = create_model(
        "GivenOptions",
        __base__=_RunOptions,
        __doc__=_RunOptions.__doc__,
        **fields_of(RUN_OPTIONS),
    )


def _spellings(name: str) -> AliasChoices:
    return AliasChoices(name, name.replace("_", "-"))


#: What only the command line may choose, because it names programs to start.
FORBIDDEN_OPTIONS = frozenset(
    spelling
    for option in PROGRAM_OPTIONS
    for spelling in (option.name, option.name.replace("_", "-"))
)


#: Names that no field has, although a caller who uses one demands a check.
MISNAMED_CHECKS = frozenset(
    spelling
    for option in RUN_OPTIONS
    if option.form is Form.ARGV and option.singular is not None
    for spelling in (option.singular, option.singular.replace("_", "-"))
)
#: The right name of the demand.
CHECKS_NAME = "options.checks"


def _say_every_name(schema: dict[str, Any], model: type[Any]) -> None:
    """Let a schema name the second spellings, and what is refused."""
    describe_fields(schema, model)
    fields = schema["properties"]
    fields |= {name.replace("_", "-"): fields[name] for name in fields}
    fields |= dict.fromkeys(sorted(FORBIDDEN_OPTIONS | MISNAMED_CHECKS), False)


class OpsOptions(GivenOptions):
    """How a request's run is done, where it differs from the command line's options.

    Each is an option of `millracer run` with the same meaning and unit, spelled
    `daemon_timeout_seconds` or `daemon-timeout-seconds`; of both, the first counts. Programs
    (`pi_command`, `millrace_command`) are refused: only the command line chooses those.
    A number of restarts is written without a fraction: `2`, not `2.0`.

    Attributes:
        resume: the id of the item to continue, instead of a new task.
    """

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_spellings),
        validate_by_name=True,
        json_schema_extra=_say_every_name,
    )

    resume: TargetName = None
