"""Word-by-word access to a command line that is not parsed yet or is invalid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from millracer.domain.programs import variable_of


class RawArguments:
    """The words of a command line up to `--`, with environment variables as defaults.

    Args:
        arguments: the command line without the program.
        environment: used for options that the command line does not give.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        words = list(arguments)
        self._words = words[: words.index("--")] if "--" in words else words
        self._environment = environment

    @property
    def command(self) -> str | None:
        """The first word that is not an option."""
        return next((word for word in self._words if not word.startswith("-")), None)

    def has(self, *flags: str) -> bool:
        """Whether the command line contains one of these words."""
        return not set(flags).isdisjoint(self._words)

    def value(self, option: str) -> str | None:
        """Return an option's last value, else the value of its variable, else None."""
        value = self._environment.get(variable_of(option)) or None
        for word, following in zip_longest(self._words, self._words[1:]):
            if word == option and following is not None:
                value = following
            elif word.startswith(f"{option}="):
                value = word.partition("=")[2]
        return value
