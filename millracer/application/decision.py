"""Reading pi's answer to the decision turn: JSON, bare, fenced or embedded, or two labelled lines.

Tolerant in form, strict in content: what names no route, or a route that does not exist, is no
decision, and the caller asks again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from millracer.domain.work import Decision, IntakeKind, Route

_DECODER = json.JSONDecoder()
_LABEL = r"^[ \t>*-]*\**{}\**[ \t]*:[ \t]*\**[ \t]*"
_ROUTE_LINE = re.compile(_LABEL.format("decision") + r"(\w+)", re.IGNORECASE | re.MULTILINE)
_WHY_LINE = re.compile(_LABEL.format("why") + r"(.+?)[ \t]*$", re.IGNORECASE | re.MULTILINE)


def parse_decision(answer: str) -> Decision | None:
    """Return the decision the answer holds, or None where it cannot be read.

    Two readable decisions that name different routes are none.
    """
    decisions = [found for found in map(_from_object, _objects(answer)) if found is not None]
    if decisions:
        routes = {decision.route for decision in decisions}
        return decisions[-1] if len(routes) == 1 else None
    return _from_lines(answer)


def _objects(text: str) -> Iterator[dict[str, object]]:
    at = text.find("{")
    while at != -1:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)


def _from_object(payload: dict[str, object]) -> Decision | None:
    route = _route(payload.get("decision", payload.get("route")))
    if route is None:
        return None
    signals = payload.get("signals")
    return Decision(
        route=route,
        why=_text(payload.get("why")) or "pi gave no reason",
        intake_kind=_intake_kind(payload.get("intake_kind")),
        mode=_text(payload.get("mode")) or None,
        custom_loop_needed=payload.get("custom_loop_needed") is True,
        signals=tuple(filter(None, map(_text, signals))) if isinstance(signals, list) else (),
        notes=_text(payload.get("notes")),
    )


def _from_lines(answer: str) -> Decision | None:
    routes = {_route(found) for found in _ROUTE_LINE.findall(answer)}
    if len(routes) != 1:
        return None
    route = routes.pop()
    if route is None:
        return None
    why = _WHY_LINE.search(answer)
    return Decision(route=route, why=why.group(1) if why else "pi gave no reason")


def _route(value: object) -> Route | None:
    try:
        return Route(_text(value).lower())
    except ValueError:
        return None


def _intake_kind(value: object) -> IntakeKind | None:
    try:
        return IntakeKind(_text(value).lower())
    except ValueError:
        return None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
