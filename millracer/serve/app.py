"""The application: the routes of the table, the page, and the guard before both."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from millracer import __version__
from millracer.cancellation import Cancelled
from millracer.domain.operations import load
from millracer.errors import MillracerError
from millracer.serve.errors import Refusal
from millracer.serve.guard import Admission, Guard
from millracer.serve.handlers.call import Call, read_call, reply_json, reply_refusal
from millracer.serve.routes import API, ROUTES, ApiRoute
from millracer.serve.service import Service, stopping
from millracer.serve.statuses import status_of_error

_log = logging.getLogger(__name__)
_PAGE = Path(__file__).with_name("page")
_INDEX = "index.html"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}

#: Logs an unexpected error and returns the error to report.
ReportBug = Callable[[Exception], MillracerError]


def make_app(service: Service, admission: Admission, report_bug: ReportBug) -> ASGIApp:
    """Return the whole application.

    Args:
        service: the shared state of the server.
        admission: which requests are admitted.
        report_bug: called with each unexpected error.
    """
    files = read_page()
    routes = [
        Route(
            f"{API}{route.path}",
            _Endpoint(service, route, report_bug),
            methods=[route.method],
        )
        for route in ROUTES
    ]
    routes += [
        Route("/", _page_endpoint(files, _INDEX)),
        Route("/health", _show_health),
        Route("/static/{name:path}", _page_endpoint(files, None)),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refuse_http})
    app.router.redirect_slashes = False
    return Guard(app, admission)


class _Endpoint:
    """One route of the table, as an ASGI application."""

    def __init__(self, service: Service, route: ApiRoute, report_bug: ReportBug) -> None:
        self._service = service
        self._route = route
        self._report_bug = report_bug
        self._handle: Callable[[Call], Awaitable[ASGIApp]] = load(route.handler)
        for model in filter(None, (route.query, route.body, route.answer)):
            load(model)  # the package may be upgraded while the server runs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error becomes a refusal."""
        request = Request(scope, receive)
        answer: ASGIApp
        try:
            answer = await self._handle(await read_call(self._service, self._route, request))
        except Refusal as refusal:
            answer = reply_refusal(refusal)
        except ClientDisconnect:
            return  # in the middle of its body: no one reads an answer
        except Cancelled:
            answer = reply_refusal(stopping())
        except MillracerError as error:
            answer = reply_refusal(_refusal_of(error))
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an answer
            answer = reply_refusal(_refusal_of(self._report_bug(error)))
        try:
            await answer(scope, receive, send)
        except Refusal as refusal:  # of a stream, before its first byte
            await reply_refusal(refusal)(scope, receive, send)


def _refusal_of(error: MillracerError) -> Refusal:
    field: str | None = getattr(error, "field", None)
    return Refusal(
        status_of_error(error.code, field),
        error.message,
        error.suggested_action,
        code=error.code,
        field=field,
    )


def read_page() -> dict[str, tuple[bytes, str]]:
    """Return the files of the page with their media types, by their path below the page."""
    return {
        path.relative_to(_PAGE).as_posix(): (path.read_bytes(), _media_type(path))
        for path in sorted(_PAGE.rglob("*"))
        if path.is_file()
    }


def _media_type(path: Path) -> str:
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name, strict=True)[0]
    return guessed or "application/octet-stream"


def _page_endpoint(
    files: dict[str, tuple[bytes, str]], name: str | None
) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        found = files.get(name or request.path_params["name"])
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        content, media_type = found
        return Response(content, media_type=media_type)

    return show


async def _show_health(_request: Request) -> Response:
    return reply_json({"status": "ok", "version": __version__})


async def _refuse_http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = error.headers if isinstance(error, HTTPException) else None
        refusal = Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "the address does not take this method",
            "see the description of the API in /api/v1/openapi.json",
            headers=headers,
            code="method_not_allowed",
        )
    else:
        refusal = Refusal(
            HTTPStatus.NOT_FOUND,
            "there is nothing at this address",
            "see the description of the API in /api/v1/openapi.json",
            code="no_such_address",
        )
    return reply_refusal(refusal)
