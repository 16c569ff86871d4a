"""Choosing the route: forced by the caller, or asked of pi."""

from __future__ import annotations

from millracer.application import prompts
from millracer.application.decision import parse_decision
from millracer.application.record import RunRecord
from millracer.domain.work import Decision, Route, RoutePreference
from millracer.errors import DecisionUnreadable
from millracer.ports import Pi


def choose_route(record: RunRecord, pi: Pi) -> Decision:
    """Return who does the task: as the caller forces it, else as pi decides, asked twice at most.

    Raises:
        DecisionUnreadable: pi gave no readable decision; a broken answer is never one.
    """
    request = record.request
    match request.route:
        case RoutePreference.DIRECT:
            return Decision(route=Route.DIRECT, why="the caller chose the direct route")
        case RoutePreference.MILLRACE:
            return Decision(route=Route.MILLRACE, why="the caller chose Millrace")
        case RoutePreference.AUTO:
            pass
    limit = request.limits.pi_timeout_seconds
    asked = (
        prompts.decision_prompt(request.body),
        prompts.decision_again_prompt(request.body),
    )
    for prompt in asked:
        decision = parse_decision(pi.ask(prompt, record.wait.within(limit)))
        if decision is not None:
            return decision
    raise DecisionUnreadable(
        "pi was asked twice who should do the task and gave no readable decision",
        suggested_action="force the route with --route direct or --route millrace",
    )
