"""The options of a run as one place says them: a command line, a file, a request."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, AliasGenerator, ConfigDict, Field

from millracer.domain.requests import (
    LEAST_SECONDS,
    Finalizer,
    IntakePreference,
    PiSession,
    RoutePreference,
)
from millracer.schemas.base import Incoming, OptionalText, Texts

_Seconds = Annotated[float | None, Field(ge=LEAST_SECONDS, allow_inf_nan=False)]


class SaidOptions(Incoming):
    """What one place says of how a run is done; None: nothing.

    Each is the option of `millracer run` with the same name, meaning and unit.
    """

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


#: What only the command line may choose, because it names programs to start.
FORBIDDEN_OPTIONS = frozenset({"pi_command", "pi-command", "millrace_command", "millrace-command"})


def _spellings(name: str) -> AliasChoices:
    return AliasChoices(name, name.replace("_", "-"))


def _say_every_name(schema: dict[str, Any]) -> None:
    """Let a schema name the second spellings, and what is refused."""
    fields = schema["properties"]
    fields |= {name.replace("_", "-"): fields[name] for name in fields}
    fields |= dict.fromkeys(sorted(FORBIDDEN_OPTIONS), False)


class OpsOptions(SaidOptions):
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

    resume: OptionalText = None
