"""Spans at a real OTLP collector over HTTP, and collectors that do not work."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.trace_context import TraceContext
from millracer.errors import RunWarning
from millracer.redaction.process import learn_environment
from millracer.tracing import export, settings
from millracer.tracing.export import OtlpExport
from tests.support.attempt_ends import attempt_end, logged, wait
from tests.support.receivers import HANG, Receiver, receiver

SPAN = TraceContext(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="2" * 16, state="a=1")
PARENT = replace(SPAN, span_id="3" * 16)
STAGE = {"item_id": "fix-it-1", "run_id": "run-1", "plane": "execution", "stage": "builder"}
EVENTS = logged(
    ("attempt.started", 0, {}),
    ("state.entered", 0, {"state": "monitor"}),
    ("stage.started", 1, STAGE),
    ("stage.ended", 2, {**STAGE, "terminal_result": "DONE", "failure_class": None}),
    ("attempt.ended", 3, {"outcome": "blocked", "scoped_completion": False}),
)


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")


def send(url: str, monkeypatch: pytest.MonkeyPatch, path: str = "") -> tuple[RunWarning, ...]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{url}{path}")
    end = attempt_end(events=EVENTS, span=SPAN, parent=PARENT)
    return OtlpExport().attempt_ended(end, wait())


def decoded(server: Receiver) -> ExportTraceServiceRequest:
    (request,) = server.received
    assert request.path == "/v1/traces"
    assert request.headers["content-type"] == "application/x-protobuf"
    return ExportTraceServiceRequest.FromString(request.body)


def test_a_collector_gets_the_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as server:
        assert send(server.url, monkeypatch) == ()

    (resource,) = decoded(server).resource_spans
    values = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert values["service.name"] == "shop"
    spans = {each.name: each for each in resource.scope_spans[0].spans}
    assert set(spans) == {"millracer.run", "state monitor", "stage builder"}
    root = spans["millracer.run"]
    assert root.trace_id.hex() == SPAN.trace_id
    assert (root.span_id.hex(), root.parent_span_id.hex()) == (SPAN.span_id, PARENT.span_id)
    assert root.trace_state == "a=1"
    assert (root.status.code, root.status.message) == (2, "blocked")
    assert root.end_time_unix_nano - root.start_time_unix_nano == 3 * 10**9
    stage = spans["stage builder"]
    assert stage.parent_span_id.hex() == SPAN.span_id
    assert stage.status.code == 0


def test_an_attempt_that_is_not_traced_is_not_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        assert OtlpExport().attempt_ended(attempt_end(events=EVENTS), wait()) == ()

    assert server.received == []


def test_no_secret_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    learn_environment({"OTHER_API_KEY": "very-secret-value-17"})
    events = logged(
        ("attempt.started", 0, {}),
        ("stage.ended", 2, {**STAGE, "stage": "very-secret-value-17", "failure_class": None}),
        ("attempt.ended", 3, {"outcome": "very-secret-value-17"}),
    )
    with receiver() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        OtlpExport().attempt_ended(attempt_end(events=events, span=SPAN), wait())

    assert b"very-secret" not in server.received[0].body


def test_a_refused_request_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(400) as server:
        (warning,) = send(server.url, monkeypatch, "/secret-path")

    assert warning.code == "trace_not_exported"
    assert server.url in warning.text
    assert "secret-path" not in warning.text


def test_a_dead_collector_is_a_warning_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        warnings = send(f"http://127.0.0.1:{unused.getsockname()[1]}", monkeypatch)

    assert [each.code for each in warnings] == ["trace_not_exported"]
    assert capfd.readouterr() == ("", "")


def test_a_collector_that_hangs_is_left_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "LIMIT_SECONDS", 0.5)
    with receiver(HANG) as server:
        warnings = send(server.url, monkeypatch)

    assert [each.code for each in warnings] == ["trace_not_exported"]


def test_a_stop_request_ends_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.TERMINATED)
    with receiver(HANG) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        end = attempt_end(events=EVENTS, span=SPAN)
        warnings = OtlpExport().attempt_ended(end, Wait.for_seconds(30, cancellation))

    assert [each.code for each in warnings] == ["trace_not_exported"]


def test_an_endpoint_that_is_not_a_url_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.code for each in send("nowhere", monkeypatch)] == ["trace_not_exported"]


@pytest.mark.parametrize(
    ("variables", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "True"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "false"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_wanted_with_an_endpoint(variables: dict[str, str], *, is_wanted: bool) -> None:
    assert settings.is_wanted(variables) is is_wanted
