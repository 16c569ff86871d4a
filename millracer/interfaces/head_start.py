"""Begins the Millrace that a command will ask before the command line is read.

What reads it takes half as long to load as Millrace does, and both can be done at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millracer.errors import UsageError
from millracer.interfaces.foresight import LONGEST_FORESEEN_BYTES, Foresight, asks_millrace
from millracer.interfaces.standard_input import StandardInput

if TYPE_CHECKING:  # a command that asks no Millrace builds none
    from millracer.bootstrap import Millraces


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
    foresight = Foresight(arguments, os.environ)
    if foresight.is_certain or foresight.depends_on_request:
        from millracer.bootstrap import glance_at_user_config  # noqa: PLC0415 - see above

        foresight = Foresight(arguments, os.environ, glance_at_user_config())
    standard_input = StandardInput()
    if not (foresight.is_certain or _is_asked_for(foresight, standard_input)):
        yield HeadStart(standard_input=standard_input)
        return
    from millracer.bootstrap import Millraces  # noqa: PLC0415 - see above

    millraces = Millraces()
    try:
        begin(millraces, foresight.program)
        yield HeadStart(standard_input=standard_input, millraces=millraces)
    finally:
        millraces.close()


def begin(millraces: Millraces, program: str) -> None:
    """Begin the warm process of a program as it was given; never raises."""
    from millracer.interfaces.programs import program_words  # noqa: PLC0415 - see above

    with suppress(UsageError):  # told by who opens the program
        millraces.warm_up(program_words(program, "--millrace-command"), dict(os.environ))


def _is_asked_for(foresight: Foresight, standard_input: StandardInput) -> bool:
    if not foresight.depends_on_request:
        return False
    raw = standard_input.read_ahead(limit=LONGEST_FORESEEN_BYTES)
    return raw is not None and asks_millrace(raw)
