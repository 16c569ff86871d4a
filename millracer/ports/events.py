"""Listeners of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from millracer.domain.run.progress import ProgressEvent

ProgressListener: TypeAlias = "Callable[[ProgressEvent], None]"
TextListener: TypeAlias = Callable[[str], None]
