"""The preferences of an ops request for route and intake kind.

Every word is accepted, as by the reference. Some words choose nothing: they name what an action
other than `enqueue` does anyway, or are unknown.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.schemas.base import WHITE_SPACE, OptionalText

_NO_ROUTES = ("status_only", "inspect_only")
_NO_INTAKES = ("none",)


def _schema(names: tuple[str, ...]) -> dict[str, Any]:
    blank = f"[{WHITE_SPACE}]*"
    trimmed = {"type": "string", "pattern": f"^{blank}({'|'.join(names)})?{blank}$"}
    return {"anyOf": [{"enum": list(names)}, trimmed, {"type": "null"}]}


_ROUTES = (*RoutePreference, *_NO_ROUTES)
_INTAKES = (*IntakePreference, *_NO_INTAKES)

#: `route_preference`; blank is left out. Its schema lists the words that have a meaning.
RouteWord = Annotated[OptionalText, WithJsonSchema(_schema(_ROUTES))]

#: `intake_preference`, in the same way.
IntakeWord = Annotated[OptionalText, WithJsonSchema(_schema(_INTAKES))]


def chosen_route(word: str | None) -> RoutePreference | None:
    """Return the route that a `route_preference` chooses; `auto` for a word that chooses none."""
    if word is None:
        return None
    return RoutePreference(word) if word in list(RoutePreference) else RoutePreference.AUTO


def chosen_intake(word: str | None) -> IntakePreference | None:
    """Return the kind that an `intake_preference` chooses; `auto` for a word that chooses none."""
    if word is None:
        return None
    return IntakePreference(word) if word in list(IntakePreference) else IntakePreference.AUTO
