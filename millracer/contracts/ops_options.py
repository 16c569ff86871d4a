"""`options` of an ops request: the options of `millracer run`, by their names without dashes."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, AliasGenerator, ConfigDict

from millracer.contracts.ops_base import OptionalText
from millracer.contracts.said_options import SaidOptions

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
