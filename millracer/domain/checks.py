"""Checks: commands of the caller that Millracer runs itself after Millrace's proof."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: The longest kept end of a check's output, in bytes of UTF-8.
LONGEST_OUTPUT_BYTES: Final = 2048

#: A program and its arguments; no shell reads it.
Argv = tuple[str, ...]


class CheckPlace(StrEnum):
    """Where checks run."""

    EXPORT = "export"  #: a clean copy of the files that git does not ignore
    WORKSPACE = "workspace"


class WorkVerification(StrEnum):
    """The result of all demanded checks."""

    VERIFIED = "verified"  #: all passed
    CONTRADICTED = "contradicted"  #: at least one ended with another exit code than 0
    UNVERIFIED = "unverified"  #: not verified, and none ended with another exit code than 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandedChecks:
    """The checks that a request demands.

    Attributes:
        commands: argv of each check.
        place: where they run.
        timeout_seconds: the time limit of each.
    """

    commands: tuple[Argv, ...] = ()
    place: CheckPlace = CheckPlace.EXPORT
    timeout_seconds: float = 600.0


NO_CHECKS: Final = DemandedChecks()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """How one run of a check ended.

    Attributes:
        exit_code: negative after a signal; None if the check did not run to its end.
        problem: why it did not; empty if it did.
        output: the end of both outputs, without secrets.
        output_sha256: the digest of all of both outputs, in hex; empty if it did not start.
    """

    exit_code: int | None
    seconds: float = 0.0
    output: str = ""
    problem: str = ""
    output_sha256: str = ""


def is_command(argv: Sequence[str]) -> bool:
    """Whether a list of words names a program."""
    return bool(argv) and bool(argv[0].strip()) and not any("\0" in word for word in argv)


def split_command(text: str) -> Argv:
    """Split a text into a program and its arguments, as a shell would, without running one.

    Raises:
        ValueError: a quotation has no end, or the text names no program.
    """
    argv = tuple(shlex.split(text))
    if not is_command(argv):
        raise ValueError("it names no program")
    return argv


def name_command(argv: Sequence[str]) -> str:
    """Return a command as one line of text."""
    return shlex.join(argv).replace("\n", "\\n")
