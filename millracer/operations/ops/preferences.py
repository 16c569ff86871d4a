"""Warnings about the parts of an ops request that its action ignores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from millracer.domain.operations import SUBMIT_OPTIONS
from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.errors import RunWarning
from millracer.schemas.ops.request import ReadRequest

_ROUTES = tuple(RoutePreference)
_INTAKES = tuple(IntakePreference)
#: The words of both preferences that an action follows; for other actions they cannot matter.
_FOLLOWED: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "enqueue": (_ROUTES, _INTAKES),
    "submit": ((RoutePreference.AUTO, RoutePreference.MILLRACE), _INTAKES),
    "watch": ((RoutePreference.AUTO, RoutePreference.MILLRACE), (IntakePreference.AUTO,)),
}


def preference_warnings(read: ReadRequest) -> Iterator[RunWarning]:
    """Yield a warning for each preference, option and expectation that the action ignores."""
    followed = _FOLLOWED.get(read.action or "")
    if followed is None:
        return
    request = read.request
    words = (request.route_preference, request.intake_preference)
    for name, word, known in zip(("route", "intake"), words, followed, strict=True):
        if word is not None and word not in known:
            text = f"{name}_preference {word!r:.200} chooses nothing for a task and was ignored"
            yield RunWarning("preference_ignored", text)
    if read.action == "submit":
        yield from _option_warnings(read)
        if request.expected_evidence:
            text = "expected_evidence was ignored: a submission ends before there is any proof"
            yield RunWarning("value_ignored", text)


def _option_warnings(read: ReadRequest) -> Iterator[RunWarning]:
    options = read.request.options
    for name in {} if options is None else options.given():
        if name not in SUBMIT_OPTIONS:
            text = f"the value of options.{name} was ignored: a submission has no such option"
            yield RunWarning("value_ignored", text)
