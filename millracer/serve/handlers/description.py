"""Serve the OpenAPI document."""

from __future__ import annotations

from starlette.responses import Response

from millracer.serve.handlers.call import Call, reply_json
from millracer.serve.openapi import openapi_document


async def show_openapi(call: Call) -> Response:
    """Return the description of the API."""
    return reply_json(await call.service.threads.call(openapi_document))
