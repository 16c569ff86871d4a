"""Which versions are tried together, and which tests each such cell runs.

Not every Millrace with every pi: the two meet only in stages, where Millrace starts pi by itself.
So each version of one is tried with the usual version of the other, and the two oldest together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: The last release of each Millrace line that is supported, oldest first.
MILLRACES = ("0.18.6", "0.19.0", "0.20.3", "0.21.1")
#: Both ends of the older package, then three of the newer one, the usual one last.
PIS = ("0.67.68", "0.73.1", "0.87.1", "1.5.2", "1.6.0")
PYTHONS = ("3.11", "3.12", "3.13")

USUAL_MILLRACE = "0.21.1"
USUAL_PI = "1.6.0"
_NEWER_NODE_FROM = (0, 74)


class Selection(StrEnum):
    """What a cell runs."""

    REAL = "real tools"
    PI = "real pi"
    MILLRACER = "project code"

    def arguments(self, *, slow: bool) -> tuple[str, ...]:
        """What names them to pytest, with the slow ones or without."""
        real = ("tests/acceptance", "tests/conformance")
        match self:
            case Selection.REAL:
                return real if slow else (*real, "-m", "not slow")
            case Selection.PI:
                return (*real, "-m", "pi" if slow else "pi and not slow")
            case Selection.MILLRACER:
                # tests/architecture says nothing of a Python, but reads what other cells found.
                own = ("tests/unit", "tests/integration", "tests/truth", *real)
                return (*own, "-m", "corner or not (acceptance or slow)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of versions.

    Attributes:
        python: such as "3.12"; None is the Python that the project was set up with.
    """

    name: str
    millrace: str = USUAL_MILLRACE
    pi: str = USUAL_PI
    python: str | None = None
    tests: Selection = Selection.REAL

    @property
    def wants_newer_node(self) -> bool:
        """Whether this pi does not start with the Node that the older package needs."""
        return tuple(int(part) for part in self.pi.split(".")[:2]) >= _NEWER_NODE_FROM


CELLS = (
    *(Cell(name=f"millrace-{version}", millrace=version) for version in MILLRACES),
    *(
        Cell(name=f"pi-{version}", pi=version, tests=Selection.PI)
        for version in PIS
        if version != USUAL_PI
    ),
    Cell(name="oldest", millrace=MILLRACES[0], pi=PIS[0], tests=Selection.PI),
    *(
        Cell(name=f"python-{version}", python=version, tests=Selection.MILLRACER)
        for version in PYTHONS
    ),
)
