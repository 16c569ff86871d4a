"""Notifications to a real HTTP server: signature, tries, and what counts as a failure."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.notifications import NotifyTarget
from millracer.domain.run.outcome import Outcome
from millracer.errors import RunWarning
from millracer.notify import notifications, webhook
from millracer.notify.notifications import Notifications
from millracer.schemas.names import SchemaName
from tests.support.attempt_ends import attempt_end, wait
from tests.support.ops_world import assert_published
from tests.support.receivers import HANG, receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRONMENT = {"HOOK_SECRET": SECRET}


def target(url: str, *outcomes: Outcome) -> NotifyTarget:
    return NotifyTarget(
        outcomes=frozenset(outcomes or Outcome), url=url, secret_variable="HOOK_SECRET"
    )


def notify(url: str, environment: dict[str, str] | None = None) -> tuple[RunWarning, ...]:
    """Notify one receiver of the end of an attempt."""
    sender = Notifications([target(url)], ENVIRONMENT if environment is None else environment)
    return sender.attempt_ended(attempt_end(), wait())


def codes(warnings: tuple[RunWarning, ...]) -> list[str]:
    return [each.code for each in warnings]


def test_the_result_frame_is_posted_with_a_signature_that_the_reference_verifies() -> None:
    with receiver() as server:
        assert notify(f"{server.url}/hook?a=b") == ()

    (request,) = server.received
    frame = Webhook(SECRET).verify(request.body, request.headers)
    assert request.path == "/hook?a=b"
    assert request.headers["content-type"] == "application/json"
    assert_published(SchemaName.EVENT_FRAME, frame)
    assert (frame["event_type"], frame["payload"]) == ("result", {"outcome": "blocked"})
    assert (frame["request_id"], frame["sequence"]) == ("req-1", 17)


def test_the_id_is_the_cursor_of_the_end_for_every_try() -> None:
    with receiver(503, 500, 204) as server:
        assert notify(server.url) == ()

    assert [each.headers["webhook-id"] for each in server.received] == ["9e8f127d-17"] * 3
    for request in server.received:
        Webhook(SECRET).verify(request.body, request.headers)


def test_the_timestamp_is_that_of_the_try() -> None:
    before = int(time.time())
    with receiver() as server:
        notify(server.url)

    stamp = int(server.received[0].headers["webhook-timestamp"])
    assert before <= stamp <= datetime.now(UTC).timestamp()


@pytest.mark.parametrize(
    ("answers", "tries"),
    [((500,), 3), ((429, 503, 408), 3), ((404,), 1), ((302,), 1), ((307,), 1), ((410,), 1)],
)
def test_a_failure_is_a_warning_after_three_tries_or_a_final_answer(
    answers: tuple[int, ...], tries: int
) -> None:
    with receiver(*answers) as server:
        warnings = notify(server.url)

    assert codes(warnings) == ["notify_failed"]
    assert [each.path for each in server.received] == ["/"] * tries, "no redirect is followed"


def test_a_receiver_that_hangs_is_left_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "LIMIT_SECONDS", 3.0)
    monkeypatch.setattr(webhook, "_TRY_SECONDS", 0.3)
    with receiver(HANG, HANG, 200) as server:
        assert notify(server.url) == ()
    with receiver(HANG) as server:
        assert codes(notify(server.url)) == ["notify_failed"]

    assert len(server.received) == 3


def test_a_refused_connection_is_a_warning() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert codes(notify(f"http://127.0.0.1:{port}/secret-path")) == ["notify_failed"]


def test_a_warning_names_the_receiver_without_its_path() -> None:
    with receiver(404) as server:
        (warning,) = notify(f"{server.url}/secret-path")

    assert server.url in warning.text
    assert "secret-path" not in warning.text


@pytest.mark.parametrize("environment", [{}, {"HOOK_SECRET": ""}, {"HOOK_SECRET": "whsec_ä"}])
def test_nothing_is_sent_without_a_valid_secret(environment: dict[str, str]) -> None:
    with receiver() as server:
        (warning,) = notify(server.url, environment)

    assert warning.code == "notify_failed"
    assert "HOOK_SECRET" in warning.text
    assert server.received == []


def test_a_proxy_gets_no_request_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert notify(server.url) == ()

    assert (len(proxy.received), len(server.received)) == (0, 1)


def test_only_wanted_outcomes_are_sent_and_receivers_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "LIMIT_SECONDS", 1.0)
    with receiver(HANG) as hanging, receiver() as other, receiver() as unwanted:
        sender = Notifications(
            [
                target(hanging.url),
                target(other.url, Outcome.BLOCKED),
                target(unwanted.url, Outcome.COMPLETED),
            ],
            ENVIRONMENT,
        )
        warnings = sender.attempt_ended(attempt_end(), wait())

    assert codes(warnings) == ["notify_failed"]
    assert (len(other.received), len(unwanted.received)) == (1, 0)


def test_a_cancelled_notification_is_a_warning() -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)
    with receiver(HANG) as server:
        sender = Notifications([target(server.url)], ENVIRONMENT)
        warnings = sender.attempt_ended(attempt_end(), Wait.for_seconds(30, cancellation))

    assert codes(warnings) == ["notify_failed"]


def test_the_body_is_one_line_of_the_document() -> None:
    with receiver() as server:
        Notifications([target(server.url)], ENVIRONMENT).attempt_ended(
            attempt_end(document='{\n  "output": "a\\nb"\n}'), wait()
        )

    (request,) = server.received
    assert b"\n" not in request.body
    assert json.loads(request.body)["payload"] == {"output": "a\nb"}
