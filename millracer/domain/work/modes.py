"""Choose the mode of a delegated task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_MODE = "default_pi"


class ModeSource(StrEnum):
    """Where the mode came from."""

    CALLER = "caller"  #: option, environment or request field
    SESSION = "session"
    PI = "pi"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """A mode and its source."""

    mode: str
    source: ModeSource

    @property
    def binding(self) -> bool:
        """Whether the caller or the session chose it, so that no other mode may be used."""
        return self.source in {ModeSource.CALLER, ModeSource.SESSION}


def choose_mode(*, caller: str | None, session: str | None, pi: str | None) -> ModeChoice:
    """Return the first mode that was named: caller, session, pi, else the default."""
    for mode, source in (
        (caller, ModeSource.CALLER),
        (session, ModeSource.SESSION),
        (pi, ModeSource.PI),
    ):
        if mode:
            return ModeChoice(mode, source)
    return ModeChoice(DEFAULT_MODE, ModeSource.DEFAULT)
