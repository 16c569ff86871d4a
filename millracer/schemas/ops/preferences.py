"""What an ops request says about route and intake kind, in the reference's words.

Some of these words choose nothing: they name what an action other than `enqueue` does anyway.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.schemas.base import WHITE_SPACE, OptionalText

_NO_ROUTES = ("status_only", "inspect_only")
_NO_INTAKES = ("none",)


def _schema(names: tuple[str, ...]) -> dict[str, Any]:
    blank = f"[{WHITE_SPACE}]*"
    trimmed = {"type": "string", "pattern": f"^{blank}({'|'.join(names)})?{blank}$"}
    return {"anyOf": [{"enum": list(names)}, trimmed, {"type": "null"}]}


def _check(text: str | None, names: tuple[str, ...]) -> str | None:
    if text is not None and text not in names:
        raise ValueError(f"it should be one of {', '.join(names)}")
    return text


_ROUTES = (*RoutePreference, *_NO_ROUTES)
_INTAKES = (*IntakePreference, *_NO_INTAKES)

#: `route_preference`; blank is left out.
AskedRoute = Annotated[
    OptionalText,
    AfterValidator(lambda text: _check(text, _ROUTES)),
    WithJsonSchema(_schema(_ROUTES)),
]

#: `intake_preference`; blank is left out.
AskedIntake = Annotated[
    OptionalText,
    AfterValidator(lambda text: _check(text, _INTAKES)),
    WithJsonSchema(_schema(_INTAKES)),
]


def chosen_route(asked: str | None) -> RoutePreference | None:
    """Return what a `route_preference` chooses; a word that chooses nothing is `auto`."""
    if asked in _NO_ROUTES:
        return RoutePreference.AUTO
    return None if asked is None else RoutePreference(asked)


def chosen_intake(asked: str | None) -> IntakePreference | None:
    """Return what an `intake_preference` chooses; a word that chooses nothing is `auto`."""
    if asked in _NO_INTAKES:
        return IntakePreference.AUTO
    return None if asked is None else IntakePreference(asked)


def chooses_nothing(asked: str | None) -> bool:
    """Whether a preference names nothing that a task could be done by or taken in as."""
    return asked in (*_NO_ROUTES, *_NO_INTAKES)
