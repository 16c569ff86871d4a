"""Refuse every caller that is not the user: before anything else, as a pure ASGI application.

A page of another origin, a name that was rebound to this machine and a program without the token
get no answer with data, and can change nothing.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millracer.serve.errors import Refusal, read_only
from millracer.serve.handlers.call import BODY_LIMIT_BYTES, reply_refusal, too_large

_log = logging.getLogger(__name__)
#: The most bytes of all headers of a request.
HEADERS_LIMIT_BYTES = 32 * 1024
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SINGLE = frozenset({b"host", b"origin", b"authorization", b"content-type", b"content-length"})
_READING = frozenset({"GET", "HEAD"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_OWN_SITES = frozenset({b"same-origin", b"none"})
_PUBLIC = ("/static/",)
_PUBLIC_PATHS = frozenset({"/", "/health"})
#: Addresses whose requests refuse writing themselves.
_REFUSES_WRITING = frozenset({"/api/v1/ops", "/mcp"})

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in (
        ("content-security-policy", _CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
    )
)
_OPEN_LINK = "open the link that `millracer serve` printed, or send its token as a bearer token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Which requests are admitted.

    Attributes:
        token: the bearer token.
        hosts: the values of the header `Host`.
        origins: the values of the header `Origin`.
        read_only: whether only reading requests are.
    """

    token: str
    hosts: frozenset[bytes]
    origins: frozenset[bytes]
    read_only: bool

    @classmethod
    def of(
        cls, *, token: str, port: int | None, names: Sequence[str] = (), read_only: bool = False
    ) -> Admission:
        """Return the admission of a server on this machine.

        Args:
            token: the bearer token.
            port: the port of the server; None for a socket of a file.
            names: further host names, with their port where clients send one.
            read_only: whether only reading requests are admitted.
        """
        own = [name if port is None else f"{name}:{port}" for name in _LOOPBACK_NAMES]
        hosts = [*own, *names]
        origins = [f"http://{host}" for host in hosts] + [f"https://{name}" for name in names]
        return cls(
            token=token,
            hosts=frozenset(host.lower().encode() for host in hosts),
            origins=frozenset(origin.lower().encode() for origin in origins),
            read_only=read_only,
        )


class Guard:
    """Admits requests to an application, adds the headers of each answer and logs it.

    Args:
        app: the application.
        admission: which requests are admitted.
    """

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started, status = time.monotonic(), 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            self._admit(scope)
        except Refusal as refusal:
            await reply_refusal(refusal)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            _log.info("%s %s %s %.0f ms", scope["method"], scope["path"], status, milliseconds)

    def _admit(self, scope: Scope) -> None:
        """Check a request.

        Raises:
            Refusal: it is not admitted.
        """
        headers = _headers(scope)
        admission = self._admission
        if headers.get(b"host", b"").lower() not in admission.hosts:
            raise Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "the request names a host that this server does not serve",
                "use the host and port of its link, such as 127.0.0.1:8765",
                code="wrong_host",
            )
        origin = headers.get(b"origin")
        is_own = origin is None or origin.lower() in admission.origins
        if not is_own or headers.get(b"sec-fetch-site", b"none") not in _OWN_SITES:
            raise _foreign_origin()
        method, path = scope["method"], scope["path"]
        if method == "OPTIONS":
            raise _foreign_origin()
        if path in _PUBLIC_PATHS or path.startswith(_PUBLIC):
            return
        given = headers.get(b"authorization", b"")
        scheme, _, token = given.partition(b" ")  # RFC 9110: the scheme has no case
        is_known = hmac.compare_digest(token, admission.token.encode())
        if not (scheme.lower() == b"bearer" and is_known):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "the request has no token of this server"
                if not given
                else "the token is not that of this server, which has a new one at each start",
                _OPEN_LINK,
                headers={"WWW-Authenticate": 'Bearer realm="millracer"'},
                code="unauthorized",
            )
        if admission.read_only and method not in _READING and path not in _REFUSES_WRITING:
            raise read_only()
        if method in _WITH_BODY:
            _check_body(headers)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a request.

    Raises:
        Refusal: they are too large, or one is there twice.
    """
    found: dict[bytes, bytes] = {}
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    if sum(len(name) + len(value) + 4 for name, value in pairs) > HEADERS_LIMIT_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the headers have more than {HEADERS_LIMIT_BYTES} bytes",
            "send fewer headers",
            code="headers_too_large",
        )
    for name, value in pairs:
        if name in found and name in _SINGLE:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"the header {name.decode('latin-1')} is there twice",
                "send it once",
                code="duplicate_header",
            )
        found[name] = value
    return found


def _check_body(headers: dict[bytes, bytes]) -> None:
    """Refuse a body of another type, which another origin could send without asking, or too large.

    Raises:
        Refusal: it is refused.
    """
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the request is not of the media type application/json",
            "send the header `Content-Type: application/json`, also without a body",
            code="json_only",
        )
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > BODY_LIMIT_BYTES:
        raise too_large()


def _foreign_origin() -> Refusal:
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "the request comes from a page of another origin",
        "open the page of this server itself; other pages may not use it",
        code="foreign_origin",
    )
