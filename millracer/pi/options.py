"""The options that every pi session starts with, and the check of pi's version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millracer.cancellation import Cancellation, Wait
from millracer.domain.run.options import RunOptions
from millracer.errors import RunWarning, UsageError
from millracer.pi import install
from millracer.pi.frames import TOOL
from millracer.system.processes import Command

_DEFAULTS = RunOptions()
_VERSION_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PiOptions:
    """How pi is started.

    Attributes:
        argv: the program, such as `("pi",)`.
        cwd: where pi and its tools work.
        env: the whole environment of pi and its tools.
        skills: folders with a SKILL.md, or paths of such files.
        start_timeout_seconds: the limit of a cold start, where it is separate from the turn.
        extra_arguments: more flags, after Millracer's own.
    """

    cwd: Path
    argv: tuple[str, ...] = ("pi",)
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    provider: str | None = None
    model: str | None = None
    thinking: str = _DEFAULTS.thinking
    skills: tuple[Path, ...] = ()
    start_timeout_seconds: float = 120.0
    extra_arguments: tuple[str, ...] = ()

    def command(self, *session: str) -> Command:
        """Return the command that starts pi; pi keeps no conversation on disk.

        Args:
            session: the flags that choose the kind of session; another flag always follows them.
        """
        flags = [*session, "--no-session", "--thinking", self.thinking]
        if self.provider is not None:
            flags += ["--provider", self.provider]
        if self.model is not None:
            flags += ["--model", self.model]
        for skill in self.skills:
            flags += ["--skill", str(skill)]
        argv = (*self.argv, *flags, *self.extra_arguments)
        return Command(tool=TOOL, argv=argv, cwd=self.cwd, env=self.env)

    def read_version(self, cancellation: Cancellation) -> str:
        """Return the version of this pi.

        Raises:
            ToolNotFound, ToolUnsupported, ToolTimeout, Cancelled: as `install.read_version`.
        """
        return install.read_version(
            self.argv,
            cwd=self.cwd,
            env=self.env,
            wait=Wait.for_seconds(_VERSION_SECONDS, cancellation),
        )

    def admit(self, version: str) -> tuple[RunWarning, ...]:
        """Accept a pi of this version and return warnings about it.

        Raises:
            ToolUnsupported: it is older than the oldest supported version.
            UsageError: this version requires a model with the provider.
        """
        install.refuse_unsupported(version)
        if (
            self.provider is not None
            and self.model is None
            and install.wants_model_with_provider(version)
        ):
            raise UsageError(
                f"pi {version} needs a model with the provider {self.provider}",
                suggested_action="add --model",
            )
        if not install.is_untested(version):
            return ()
        return (RunWarning("pi_untested", install.describe_untested(version)),)
