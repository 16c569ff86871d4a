"""The state that both kinds of pi session share: version, closed flag and notices."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence

from millracer.cancellation import Cancellation, Wait
from millracer.domain.models import AgentModels
from millracer.domain.run.usage import AgentUsage
from millracer.errors import RunWarning
from millracer.pi import errors
from millracer.pi.meter import UsageMeter
from millracer.pi.model_cache import ModelCache
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

    def list_models(self, wait: Wait, *, from_cache: bool = False) -> AgentModels:
        """Return the selected model and the models with credentials; sends no model request.

        Args:
            wait: limits the answer, including the start of pi.
            from_cache: accept what a pi with the same settings reported in the last 24 hours, if
                this pi is not ready to answer.

        Raises:
            ToolNotFound, ToolUnsupported, UsageError: as `begin`.
            ToolTimeout: pi did not answer in time.
            ToolFailed: pi ended, or refused the command.
            ProtocolError: pi violated its protocol.
            Cancelled: the caller cancelled.
        """
        cache = ModelCache(self._options, self._check_version(wait.cancellation))
        found = cache.read() if from_cache and not self._is_ready else None
        if found is None:
            found = self.ask_models(wait)
            cache.write(found)
        return found

    @property
    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether pi answers without a start."""

    @abstractmethod
    def ask_models(self, wait: Wait) -> AgentModels:
        """Return what pi reports, as `list_models`, without the cache."""

    def _check_version(self, cancellation: Cancellation) -> str:
        """Return pi's version; refuse an unsupported one and note warnings."""
        if self._version is None:
            self._version = self._options.read_version(cancellation)
        for notice in (*self._options.admit(self._version), *warn_unseen()):
            self._note(notice.code, notice.text)
        return self._version

    def _note_own_warnings(self, stderr: Sequence[str]) -> None:
        """Note the warnings that pi printed."""
        for text in errors.warning_texts(stderr):
            self._note(PI_WARNING, text)

    def _note(self, code: str, text: str) -> None:
        warning = RunWarning(code, text)
        if warning not in self._notices:
            self._notices.append(warning)
