"""The state that both kinds of pi session share: version, closed flag and notices."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from millracer.cancellation import Cancellation
from millracer.domain.run.usage import AgentUsage
from millracer.errors import RunWarning
from millracer.pi import errors
from millracer.pi.meter import UsageMeter
from millracer.pi.options import PiOptions
from millracer.ports import Agent
from millracer.system.proc import warn_unseen

#: The code of pi's own warnings.
PI_WARNING = "pi_warning"


class PiSession(Agent):
    """Base of `RpcPi` and `PrintPi`."""

    def __init__(self, options: PiOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._closed = False
        self._version: str | None = None
        self._notices: list[RunWarning] = []
        self._meter = UsageMeter(options.thinking)

    @property
    def version(self) -> str | None:
        """The version of pi; None before `begin`."""
        return self._version

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings for the caller, each once."""
        return tuple(self._notices)

    @property
    def usage(self) -> AgentUsage:
        """What all turns so far used."""
        return self._meter.used

    def _check_version(self, cancellation: Cancellation) -> None:
        if self._version is None:
            self._version = self._options.read_version(cancellation)
        for notice in (*self._options.admit(self._version), *warn_unseen()):
            self._note(notice.code, notice.text)

    def _note_own_warnings(self, stderr: Sequence[str]) -> None:
        """Note the warnings that pi printed."""
        for text in errors.warning_texts(stderr):
            self._note(PI_WARNING, text)

    def _note(self, code: str, text: str) -> None:
        warning = RunWarning(code, text)
        if warning not in self._notices:
            self._notices.append(warning)
