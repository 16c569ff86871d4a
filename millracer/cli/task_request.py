"""The task input of a command line, before anything is read or resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millracer.cli.options.common import CommonOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInput:
    """Task input from the command line and the environment."""

    common: CommonOptions
    task: tuple[str, ...] = ()
    request_json: bool = False
    request_id: str | None = None
    resume: str | None = None
    observe: bool = False
