"""A command line read word by word, for when it is not parsed yet, or cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from millracer.domain.programs import variable_of


class RawArguments:
    """The words of a command line up to `--`, and the environment that stands in for options.

    Args:
        arguments: the command line without the program.
        environment: holds options that the command line does not.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        words = list(arguments)
        self._words = words[: words.index("--")] if "--" in words else words
        self._environment = environment

    @property
    def command(self) -> str | None:
        """The first word that is no option."""
        return next((word for word in self._words if not word.startswith("-")), None)

    def has(self, *flags: str) -> bool:
        """Whether one of these words stands there as it is."""
        return not set(flags).isdisjoint(self._words)

    def value(self, option: str) -> str | None:
        """Return what an option was given last, else its variable's value where that says any."""
        value = self._environment.get(variable_of(option)) or None
        for word, following in zip_longest(self._words, self._words[1:]):
            if word == option and following is not None:
                value = following
            elif word.startswith(f"{option}="):
                value = word.partition("=")[2]
        return value
