"""Choose the route; parse pi's decision: JSON (bare, fenced, embedded) or two labelled lines.

Tolerant in form, strict in content: an answer without a valid route is not a decision, and pi is
asked again. Neither is an answer far longer than any decision: to parse from each of its braces
takes time that grows with the square of its length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from millracer.domain.requests import Decision, IntakeKind, Route, RoutePreference
from millracer.errors import DecisionUnreadable
from millracer.ports import Agent
from millracer.run import prompts
from millracer.run.context import RunContext

#: In characters.
LONGEST_ANSWER = 32 * 1024

DELEGATED = Decision(route=Route.MILLRACE, why="the caller chose Millrace")

_NO_REASON = "pi gave no reason"
_DECODER = json.JSONDecoder()
#: Possessive, so that a line of only marks or blanks is not matched from each position.
_LABEL = r"^[ \t>*-]*+{}\**+[ \t]*+:[ \t]*+\**+[ \t]*+"
_ROUTE_LINE = re.compile(_LABEL.format("decision") + r"(\w+)", re.IGNORECASE | re.MULTILINE)
_WHY_LINE = re.compile(_LABEL.format("why") + r"(.+)$", re.IGNORECASE | re.MULTILINE)


def parse_decision(answer: str) -> Decision | None:
    """Return the decision in an answer, or None where it cannot be read.

    Two readable decisions with different routes are unreadable together.
    """
    if len(answer) > LONGEST_ANSWER:
        return None
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
        except (ValueError, RecursionError):  # no JSON, or a number too long for Python
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
        why=_text(payload.get("why")) or _NO_REASON,
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
    return Decision(route=route, why=_text(why and why.group(1)) or _NO_REASON)


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


def choose_route(record: RunContext, pi: Agent) -> Decision:
    """Return the route: the caller's if it forces one, else pi's; pi is asked at most twice.

    Raises:
        DecisionUnreadable: pi gave no readable decision; a broken answer is never one.
    """
    request = record.request
    match request.route:
        case RoutePreference.DIRECT:
            return Decision(route=Route.DIRECT, why="the caller chose the direct route")
        case RoutePreference.MILLRACE:
            return DELEGATED
        case RoutePreference.AUTO:
            pass
    limit = request.limits.pi_timeout_seconds
    attempts = (
        prompts.decision_prompt(request.body),
        prompts.decision_again_prompt(request.body),
    )
    for prompt in attempts:
        decision = parse_decision(pi.ask(prompt, record.wait.within(limit)))
        if decision is not None:
            return decision
    raise DecisionUnreadable(
        "pi was asked twice who should do the task and gave no readable decision",
        suggested_action="force the route with --route direct or --route millrace",
    )
