"""The listeners of the end of an attempt, and the trace of a run.

Everything that they need is loaded when a run begins: the packages may be upgraded while it waits.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from millracer.cancellation import Wait
from millracer.domain.trace_context import (
    NOT_TRACED,
    TRACE_VARIABLES,
    RunTrace,
    TraceContext,
    context_in,
    parse_trace_context,
)
from millracer.errors import ConfigInvalid, RunWarning
from millracer.ports import AttemptEnd, AttemptEndListener
from millracer.system.config_files import read_user_config


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReports:
    """How the end of one run is reported.

    Attributes:
        listeners: report the end.
        trace: the span of the run.
        passed_on: the span that the programs of the run get as their parent; None: the
            environment stays as it is.
    """

    listeners: tuple[AttemptEndListener, ...] = ()
    trace: RunTrace = NOT_TRACED
    passed_on: TraceContext | None = field(default=None)

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the run's programs."""
        if self.passed_on is None:
            return dict(environment)
        others = {name: each for name, each in environment.items() if name not in TRACE_VARIABLES}
        return {**others, **self.passed_on.variables()}


NO_REPORTS = AttemptReports()


class _Warned(AttemptEndListener):
    """Warns at each end, because a listener cannot be used."""

    def __init__(self, warning: RunWarning) -> None:
        self._warning = warning

    def attempt_ended(self, end: AttemptEnd, wait: Wait) -> tuple[RunWarning, ...]:  # noqa: ARG002 - the port's
        """See the port."""
        return (self._warning,)


def open_attempt_reports(trace_ref: str | None = None) -> AttemptReports:
    """Return the reports of one run, from the user's configuration file and the environment.

    Args:
        trace_ref: the parent of the run's span; None, or one that is malformed: the span in
            `TRACEPARENT`.
    """
    from millracer.tracing.settings import is_wanted, missing_packages  # noqa: PLC0415 - `--help` needs no traces

    named = parse_trace_context(trace_ref)
    parent = named or context_in(os.environ)
    notifications = _notifications()
    if not is_wanted(os.environ) or (parent is not None and not parent.is_sampled):
        return AttemptReports(listeners=notifications, passed_on=named)
    try:
        from millracer.tracing.export import OtlpExport  # noqa: PLC0415 - it needs the extra `otel`
    except ImportError:
        listener = _Warned(missing_packages())
        return AttemptReports(listeners=(*notifications, listener), passed_on=named)
    span = TraceContext(
        trace_id=secrets.token_hex(16) if parent is None else parent.trace_id,
        span_id=secrets.token_hex(8),
        state="" if parent is None else parent.state,
    )
    return AttemptReports(
        listeners=(*notifications, OtlpExport()),
        trace=RunTrace(span=span, parent=parent),
        passed_on=span,
    )


def _notifications() -> tuple[AttemptEndListener, ...]:
    """Return the notifications; a file that has become unusable since the start is a warning."""
    try:
        config = read_user_config()
    except ConfigInvalid as error:
        text = f"{error.message}; {error.suggested_action}"
        return (_Warned(RunWarning("notify_failed", text)),)
    if config is None or not config.notify:
        return ()
    from millracer.notify.notifications import Notifications  # noqa: PLC0415 - few users have them

    return (Notifications(config.notify, os.environ),)
