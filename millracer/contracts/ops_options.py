"""`options` of an ops request: the options of `millracer run`, by their names without dashes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    AliasGenerator,
    ConfigDict,
    Field,
)

from millracer.contracts.ops_base import Incoming, OptionalText, Texts
from millracer.domain.preferences import (
    LEAST_SECONDS,
    Finalizer,
    IntakePreference,
    PiSession,
    RoutePreference,
)

#: What only the command line may choose, because it names programs to start.
FORBIDDEN_OPTIONS = frozenset({"pi_command", "pi-command", "millrace_command", "millrace-command"})

_Seconds = Annotated[float | None, Field(ge=LEAST_SECONDS, allow_inf_nan=False)]


def _spellings(name: str) -> AliasChoices:
    return AliasChoices(name, name.replace("_", "-"))


def _say_every_name(schema: dict[str, Any]) -> None:
    """Let a schema name the second spellings, and what is refused."""
    fields = schema["properties"]
    fields |= {name.replace("_", "-"): fields[name] for name in fields}
    fields |= dict.fromkeys(sorted(FORBIDDEN_OPTIONS), False)


class OpsOptions(Incoming):
    """How a request's run is done, where it differs from the command line's options.

    Each is an option of `millracer run` with the same meaning and unit, spelled
    `daemon_timeout_seconds` or `daemon-timeout-seconds`; of both, the first counts. Programs
    (`pi_command`, `millrace_command`) are refused: only the command line chooses those.
    A number of restarts is written without a fraction: `2`, not `2.0`.
    """

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_spellings),
        validate_by_name=True,
        json_schema_extra=_say_every_name,
    )

    route: RoutePreference | None = None
    intake: IntakePreference | None = None
    millrace_mode: OptionalText = None
    cwd: OptionalText = None
    thinking: OptionalText = None
    provider: OptionalText = None
    model: OptionalText = None
    skill: Texts = ()
    no_default_skills: bool | None = None
    daemon_timeout_seconds: _Seconds = None
    max_daemon_restarts: Annotated[int | None, Field(ge=0)] = None
    poll_interval_seconds: _Seconds = None
    pi_timeout_seconds: _Seconds = None
    keep_daemon: bool | None = None
    pi_session: PiSession | None = None
    notify_terminal_stages: bool | None = None
    finalizer: Finalizer | None = None
    no_warm_millrace: bool | None = None
    resume: OptionalText = None
