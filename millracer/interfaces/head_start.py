"""Begins the Millrace that a command will ask before the command line is read.

What reads it takes half as long to load as Millrace does, and both can be done at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from millracer.errors import UsageError
from millracer.interfaces.foresight import LONGEST_FORESEEN_BYTES, Foresight, asks_millrace
from millracer.interfaces.standard_input import StandardInput

if TYPE_CHECKING:  # a command that asks no Millrace builds none
    from millracer.bootstrap import Millraces
    from millracer.interfaces.programs import FoundPrograms

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadStart:
    """What a command finds begun.

    Attributes:
        standard_input: what of it was read ahead included.
        millraces: with the warm process begun; None where it is not certain to be asked.
    """

    standard_input: StandardInput
    millraces: Millraces | None = None


@contextmanager
def head_start(arguments: Sequence[str]) -> Iterator[HeadStart]:
    """Begin what a command line will need; what was begun ends with the block.

    Of standard input only what has come already is read, and only for one ops request.
    """
    foresight, configured = Foresight(arguments, os.environ), _NOTHING
    if foresight.is_certain or foresight.depends_on_request:
        from millracer.bootstrap.files import glance_at_user_config  # noqa: PLC0415 - see above

        configured = glance_at_user_config()
        foresight = Foresight(arguments, os.environ, configured)
    standard_input = StandardInput()
    if not (foresight.is_certain or _is_asked_for(foresight, standard_input)):
        yield HeadStart(standard_input=standard_input)
        return
    from millracer.bootstrap import Millraces  # noqa: PLC0415 - see above
    from millracer.interfaces.programs import find_programs  # noqa: PLC0415

    millraces = Millraces()
    try:
        begin(millraces, find_programs(foresight.programs, configured=configured))
        yield HeadStart(standard_input=standard_input, millraces=millraces)
    finally:
        millraces.close()


def begin(millraces: Millraces, programs: FoundPrograms) -> None:
    """Begin the warm process of the Millrace that was found; never raises."""
    with suppress(UsageError):  # told by who opens the program
        millraces.warm_up(programs.millrace.words, programs.environment())


def _is_asked_for(foresight: Foresight, standard_input: StandardInput) -> bool:
    if not foresight.depends_on_request:
        return False
    raw = standard_input.read_ahead(limit=LONGEST_FORESEEN_BYTES)
    return raw is not None and asks_millrace(raw)
