"""What a caller may choose of a run: the part of the vocabulary that a command line needs alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

#: The shortest time limit and interval there can be.
LEAST_SECONDS: Final = 0.1


class RoutePreference(StrEnum):
    """What the caller says about the route."""

    AUTO = "auto"
    DIRECT = "direct"
    MILLRACE = "millrace"


class IntakeKind(StrEnum):
    """The kind of intake document Millrace is given."""

    PROBE = "probe"  #: investigate first
    IDEA = "idea"  #: plan and decompose first
    TASK = "task"  #: execute


class IntakePreference(StrEnum):
    """What the caller says about the intake kind."""

    AUTO = "auto"
    PROBE = "probe"
    IDEA = "idea"
    TASK = "task"


class Finalizer(StrEnum):
    """Who writes the answer of a delegated run."""

    PI = "pi"
    SUMMARY = "summary"  #: made from the evidence, no model


class PiSession(StrEnum):
    """How the outer pi is kept over the turns of a run."""

    RPC = "rpc"  #: one process, one conversation
    PRINT = "print"  #: a process a turn, each a conversation of its own
