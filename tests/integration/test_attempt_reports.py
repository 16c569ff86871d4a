"""Notifications and traces of commands, the library and ops, with a pi of a few lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from standardwebhooks.webhooks import Webhook

from millracer import Client
from millracer.wiring.attempt_end import open_attempt_reports
from millracer.wiring.preload import load_run
from tests.support.attempt_ends import attempt_end, wait
from tests.support.ops_cli import OpsCaller, Printed
from tests.support.receivers import Receiver, receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
DIRECT = ("run", "--route", "direct", "--output", "json")
#: Keeps its environment, and ends without an answer.
PI = "#!/bin/sh\nenv > seen\nexit 1\n"


@pytest.fixture
def pi(tmp_path: Path) -> str:
    path = tmp_path / "pi"
    path.write_text(PI)
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder / "config.toml"


@pytest.fixture
def caller(tmp_path: Path, config: Path, pi: str) -> OpsCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return OpsCaller(
        cwd=cwd,
        state=tmp_path / "state",
        options=("--pi-command", pi),
        environment={"MILLRACER_CONFIG_DIR": str(config.parent), "HOOK": SECRET},
        forks=True,
    )


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def hook(url: str, **more: object) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in more.items()]
    return "\n".join(["[[notify]]", f'url = "{url}"', 'secret_env = "HOOK"', *lines, ""])


def seen(caller: OpsCaller) -> dict[str, str]:
    """Return the environment that pi had."""
    lines = (caller.cwd / "seen").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def spans(server: Receiver) -> dict[str, Any]:
    (sent,) = server.received
    (resource,) = ExportTraceServiceRequest.FromString(sent.body).resource_spans
    return {each.name: each for each in resource.scope_spans[0].spans}


def in_ops(caller: OpsCaller, **source: str) -> Printed:
    return caller.ask(
        "enqueue",
        input={"kind": "natural_language_text", "text": "Explain it"},
        route_preference="direct",
        workspace_ref={"root_path": str(caller.cwd)},
        source={"kind": "script", **source},
    )


def test_the_end_of_a_run_is_the_document_that_it_printed(
    caller: OpsCaller, config: Path, server: Receiver
) -> None:
    config.write_text(hook(server.url))

    printed = caller.run(*DIRECT, "--pi-command", caller.options[1], "Explain it")

    (sent,) = server.received
    frame = Webhook(SECRET).verify(sent.body, sent.headers)
    assert printed.exit_code == 8
    assert frame["payload"] == printed.document
    assert sent.headers["webhook-id"]
    assert "HOOK" not in seen(caller), "an agent must not be able to sign"


def test_a_failed_notification_is_a_warning_of_the_one_document(
    caller: OpsCaller, config: Path
) -> None:
    config.write_text('[[notify]]\ncommand = ["/no/such/program"]\n')

    printed = caller.run(*DIRECT, "--pi-command", caller.options[1], "Explain it")

    assert printed.exit_code == 8
    assert any(each.startswith("notify_failed: ") for each in printed.document["warnings"])


def test_an_unwanted_outcome_is_not_sent(caller: OpsCaller, config: Path, server: Receiver) -> None:
    config.write_text(hook(server.url, on=["completed"]))

    caller.run(*DIRECT, "--pi-command", caller.options[1], "Explain it")

    assert server.received == []


def test_a_wrong_table_ends_the_command_before_anything_is_started(
    caller: OpsCaller, config: Path
) -> None:
    config.write_text('[[notify]]\nurl = "http://example.com"\nsecret_env = "HOOK"\n')

    printed = caller.run(*DIRECT, "--pi-command", caller.options[1], "Explain it")

    assert printed.exit_code == 2
    assert printed.error_codes == ["config_invalid"]
    assert not (caller.cwd / "seen").exists()


def test_a_workspace_cannot_notify(caller: OpsCaller, server: Receiver) -> None:
    (caller.cwd / "millracer.toml").write_text(hook(server.url))

    printed = caller.run(*DIRECT, "--pi-command", caller.options[1], "Explain it")

    assert printed.error_codes == ["config_invalid"]
    assert server.received == []


def test_a_run_over_ops_is_sent_as_a_run(caller: OpsCaller, config: Path, server: Receiver) -> None:
    config.write_text(hook(server.url))

    printed = in_ops(caller)

    frame = json.loads(server.received[0].body)
    assert frame["request_id"] == printed.document["request_id"]
    assert frame["payload"] == printed.document["raw_compat"]


def test_a_run_of_the_library_is_sent(
    tmp_path: Path,
    config: Path,
    pi: str,
    server: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config.write_text(hook(server.url))
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(config.parent))
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.chdir(tmp_path)
    with Client(tmp_path, route="direct", pi_command=pi) as client:
        document = client.run("Explain it")

    assert json.loads(server.received[0].body)["payload"] == document.model_dump(mode="json")


def test_a_broken_file_is_a_warning_for_the_library(
    tmp_path: Path, config: Path, pi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[[notify]]\n")
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(config.parent))
    with Client(tmp_path, route="direct", pi_command=pi) as client:
        document = client.run("Explain it")

    assert any(each.startswith("notify_failed: ") for each in document.warnings)


def test_configured_listeners_are_loaded_before_a_command_waits(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listeners = ("millracer.notify.notifications", "millracer.tracing.export")
    config.write_text('[[notify]]\ncommand = ["true"]\n')
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(config.parent))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for name in listeners:
        monkeypatch.delitem(sys.modules, name, raising=False)

    load_run()

    assert set(listeners) <= set(sys.modules)


def traced(server: Receiver, **variables: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, **variables}


def test_a_run_is_a_child_of_its_caller_and_the_parent_of_pi(
    caller: OpsCaller, server: Receiver
) -> None:
    printed = caller.run(
        *DIRECT,
        *("--pi-command", caller.options[1], "Explain it"),
        **traced(server, TRACEPARENT=PARENT, TRACESTATE="a=1"),
    )

    assert printed.document["warnings"] == []
    found = spans(server)
    root = found["millracer.run"]
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, SPAN)
    assert set(found) == {"millracer.run", "state decide", "state direct", "state finalize"}
    assert seen(caller)["TRACEPARENT"] == f"00-{TRACE}-{root.span_id.hex()}-01"
    assert seen(caller)["TRACESTATE"] == "a=1"
    assert b"Explain" not in server.received[0].body


@pytest.mark.parametrize("parent", [None, "nonsense", f"00-{'0' * 32}-{SPAN}-01"])
def test_without_a_valid_parent_a_run_begins_a_trace(
    caller: OpsCaller, server: Receiver, parent: str | None
) -> None:
    variables = {} if parent is None else {"TRACEPARENT": parent, "TRACESTATE": "a=1"}
    printed = caller.run(
        *DIRECT,
        *("--pi-command", caller.options[1], "Explain it"),
        **traced(server, **variables),
    )

    root = spans(server)["millracer.run"]
    assert printed.document["warnings"] == []
    assert root.parent_span_id == b""
    assert seen(caller)["TRACEPARENT"] == f"00-{root.trace_id.hex()}-{root.span_id.hex()}-01"
    assert "TRACESTATE" not in seen(caller)


def test_a_trace_that_is_not_recorded_is_passed_on(caller: OpsCaller, server: Receiver) -> None:
    parent = f"00-{TRACE}-{SPAN}-00"
    caller.run(
        *DIRECT,
        *("--pi-command", caller.options[1], "Explain it"),
        **traced(server, TRACEPARENT=parent),
    )

    assert server.received == []
    assert seen(caller)["TRACEPARENT"] == parent


def test_without_a_collector_the_callers_trace_is_passed_on(caller: OpsCaller) -> None:
    caller.run(*DIRECT, "--pi-command", caller.options[1], "Explain it", TRACEPARENT=PARENT)

    assert seen(caller)["TRACEPARENT"] == PARENT


@pytest.mark.parametrize(("trace_ref", "parent"), [(PARENT, SPAN), ("free text", "3" * 16)])
def test_the_trace_of_a_request_comes_first(
    caller: OpsCaller, server: Receiver, trace_ref: str, parent: str
) -> None:
    caller.environment = {
        **caller.environment,
        **traced(server, TRACEPARENT=f"00-{TRACE}-{'3' * 16}-01"),
    }
    in_ops(caller, trace_ref=trace_ref)

    assert spans(server)["millracer.run"].parent_span_id.hex() == parent


def test_without_the_extra_a_run_warns_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "millracer.tracing.export", None)

    reports = open_attempt_reports()

    (listener,) = reports.listeners
    (warning,) = listener.attempt_ended(attempt_end(), wait())
    assert warning.code == "trace_not_exported"
    assert "install" in warning.text
    assert "opentelemetry-exporter-otlp-proto-http" in warning.text
    assert reports.passed_on is None
