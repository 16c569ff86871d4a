"""The common options of a command line as words of another one."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from itertools import chain

from millracer.cli.options.common import CommonOptions
from millracer.domain.programs import ToolOrigin
from millracer.domain.run.options import RUN_OPTIONS


def option_words(common: CommonOptions, *, but: Collection[str] = ()) -> tuple[str, ...]:
    """Return the options that the command line gives; the environment is inherited.

    Args:
        common: the common options.
        but: names of options to leave out.
    """
    return tuple(chain(_run_options(common, but), _programs(common)))


def _run_options(common: CommonOptions, but: Collection[str]) -> Iterator[str]:
    given = common.options.given
    for option in RUN_OPTIONS:
        value = given.get(option.name)
        if option.name in but or value is None or value is False:
            continue
        for each in value if isinstance(value, tuple) else (value,):
            yield from (option.flag,) if each is True else (option.flag, _word(each))


def _word(value: object) -> str:
    """Return a value as one word; a command as `--check` splits it."""
    return shlex.join(value) if isinstance(value, tuple) else str(value)


def _programs(common: CommonOptions) -> Iterator[str]:
    found = common.programs.found
    for program in (found.millrace, found.pi):
        if program.origin is ToolOrigin.OPTION and program.named is not None:
            yield from (program.tool.option, program.named)
