"""Deliver a message as a POST request, signed as the Standard Webhooks specification defines.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from millracer import __version__
from millracer.cancellation import Wait
from millracer.domain.notifications import NotifyTarget, is_loopback_http
from millracer.notify.delivery import Message, NotDelivered

_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of all secrets
#: A receiver that does not answer leaves time for another try.
_TRY_SECONDS = 3.0
_POLL_SECONDS = 0.02
#: A later try may succeed after these.
_TEMPORARY = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a signed result goes to the configured address only."""

    def redirect_request(self, *_request: Any, **_answer: Any) -> None:
        """Return no request, so that the redirect is an error."""


def post(
    target: NotifyTarget, message: Message, environment: Mapping[str, str], limit: Wait
) -> None:
    """Send the request once.

    Raises:
        NotDelivered: there is no valid secret, or the receiver did not accept the message in time.
        Cancelled: the caller cancelled.
    """
    request = _request(target, message, environment)
    attempt = _Attempt(request)
    attempt.start()
    wait = limit.within(_TRY_SECONDS)
    wait.until(lambda: not attempt.is_alive(), every=_POLL_SECONDS)
    if attempt.is_alive():
        raise NotDelivered("no answer in time")
    if attempt.failure is not None:
        raise attempt.failure


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`.

    Raises:
        ValueError: the secret is not base64, with or without `whsec_`.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not base64") from error
    if not key:
        raise ValueError("the secret is empty")
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _request(
    target: NotifyTarget, message: Message, environment: Mapping[str, str]
) -> urllib.request.Request:
    secret = environment.get(target.secret_variable or "")
    if not secret:
        raise NotDelivered(
            f"the environment variable {target.secret_variable} with the secret is not set",
            is_final=True,
        )
    timestamp = int(time.time())
    try:
        signature = sign(secret, message.message_id, timestamp, message.body)
    except ValueError as error:
        raise NotDelivered(
            f"the secret in {target.secret_variable} cannot be used: it should be base64, as in "
            "whsec_…",
            is_final=True,
        ) from error
    return urllib.request.Request(  # noqa: S310 - the configuration allows http and https only
        target.url or "",
        data=message.body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"millracer/{__version__}",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        },
    )


class _Attempt(threading.Thread):
    """One request in a thread: the timeout of a socket does not limit the whole request.

    Attributes:
        failure: why the message was not delivered; None if it was.
    """

    def __init__(self, request: urllib.request.Request) -> None:
        super().__init__(name="webhook", daemon=True)
        self._request = request
        self.failure: NotDelivered | None = None

    def run(self) -> None:
        try:
            self._send()
        except NotDelivered as failure:
            self.failure = failure
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
            self.failure = NotDelivered(f"{type(error).__name__}: {error}")

    def _send(self) -> None:
        parts = urlsplit(self._request.full_url)
        # A request to this machine is not encrypted, so it must not go through a proxy.
        proxies = urllib.request.ProxyHandler({} if is_loopback_http(parts) else None)
        opener = urllib.request.build_opener(_NoRedirect, proxies)
        try:
            with closing(opener.open(self._request, timeout=_TRY_SECONDS)) as answer:
                status = answer.status
        except urllib.error.HTTPError as refused:
            refused.close()
            status = refused.code
            is_temporary = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TEMPORARY
            text = "a redirect, which is not followed" if 300 <= status < 400 else "refused"  # noqa: PLR2004 - the class of redirects
            raise NotDelivered(f"HTTP {status}: {text}", is_final=not is_temporary) from refused
        except urllib.error.URLError as error:
            raise NotDelivered(str(error.reason)) from error
        except (OSError, HTTPException) as error:
            raise NotDelivered(str(error) or type(error).__name__) from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotDelivered(f"HTTP {status}")
