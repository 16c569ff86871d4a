"""The options of a run as one place says them: a command line, a file, a request."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from millracer.contracts.ops_base import Incoming, OptionalText, Texts
from millracer.domain.preferences import (
    LEAST_SECONDS,
    Finalizer,
    IntakePreference,
    PiSession,
    RoutePreference,
)

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
