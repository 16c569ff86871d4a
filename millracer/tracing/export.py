"""Send spans to an OTLP collector over HTTP. The import takes 0.1 s and needs the extra `otel`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from millracer import __version__
from millracer.cancellation import Cancelled, Wait
from millracer.domain.trace_context import TraceContext
from millracer.errors import RunWarning
from millracer.logs import with_log_ids
from millracer.ports import AttemptEnd, AttemptEndListener
from millracer.redaction.process import redact
from millracer.tracing.settings import WARNING_CODE
from millracer.tracing.spans import SpanRecord, Value, spans_of

_log = logging.getLogger(__name__)
#: For everything, from the log to the collector's answer.
LIMIT_SECONDS = 3.0
_POLL_SECONDS = 0.02
_NANOSECONDS = 1_000_000_000
_SCOPE = InstrumentationScope("millracer", __version__)

# Python prints the warnings of a logger without a handler; a failed export is Millracer's warning.
logging.getLogger("opentelemetry").addHandler(logging.NullHandler())


class OtlpExport(AttemptEndListener):
    """Exports the spans of each attempt, as the `OTEL_…` variables say."""

    def attempt_ended(self, end: AttemptEnd, wait: Wait) -> tuple[RunWarning, ...]:
        """See the port."""
        if end.span is None:
            return ()
        limit = wait.within(LIMIT_SECONDS)
        export = _Export(end)
        export.start()
        try:
            limit.until(lambda: not export.is_alive(), every=_POLL_SECONDS)
        except Cancelled as cancelled:
            export.stop()
            return (RunWarning(WARNING_CODE, f"the export of the trace was {cancelled.reason}"),)
        if export.is_alive():
            export.stop()
            return (_failed(f"gave no answer within {LIMIT_SECONDS:.0f} s"),)
        return () if export.failure is None else (export.failure,)


class _Export(threading.Thread):
    """One export, in a thread: the exporter's timeout does not limit everything that it does.

    Attributes:
        failure: why the spans were not accepted; None if they were.
    """

    def __init__(self, end: AttemptEnd) -> None:
        super().__init__(name="trace export", daemon=True, target=with_log_ids(self._run))
        self._end = end
        self._exporter: OTLPSpanExporter | None = None
        self.failure: RunWarning | None = None

    def stop(self) -> None:
        """End the exporter's retries."""
        if self._exporter is not None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call] # the SDK has no types

    def _run(self) -> None:
        try:
            self._exporter = exporter = OTLPSpanExporter(timeout=LIMIT_SECONDS)
            # `force_flush` returns True even if there is no collector; only this result is true.
            if exporter.export(readable(spans_of(self._end))) is not SpanExportResult.SUCCESS:
                self.failure = _failed("did not accept the spans")
        except Exception as error:  # noqa: BLE001 - the result does not depend on a trace
            _log.info("the export of the trace failed", exc_info=True)
            self.failure = _failed(f"could not be used: {type(error).__name__}: {error}")


def _failed(text: str) -> RunWarning:
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT", ""
    )
    parts = urlsplit(endpoint)
    where = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return RunWarning(WARNING_CODE, f"the collector at {where} {text}")


def readable(spans: Sequence[SpanRecord]) -> list[ReadableSpan]:
    """Return the spans as the exporter takes them, without secrets."""
    values = {"service.name": "millracer", "service.version": __version__}
    resource = Resource.create({**values, **OTELResourceDetector().detect().attributes})
    return [_readable(each, resource) for each in spans]


def _readable(span: SpanRecord, resource: Resource) -> ReadableSpan:
    context = _context(span.context)
    parent = None
    if span.parent_id is not None:
        parent = _context(
            TraceContext(trace_id=span.context.trace_id, span_id=span.parent_id), is_remote=True
        )
    return ReadableSpan(
        name=redact(span.name),
        context=context,
        parent=parent,
        resource=resource,
        attributes={name: _clean(value) for name, value in span.attributes.items()},
        links=[Link(_context(each)) for each in span.links],
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.UNSET)
        if span.failure is None
        else Status(StatusCode.ERROR, redact(span.failure)),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=_SCOPE,
    )


def _clean(value: Value) -> Value:
    return redact(value) if isinstance(value, str) else value


def _context(context: TraceContext, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(
        trace_id=int(context.trace_id, 16),
        span_id=int(context.span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * _NANOSECONDS)
