"""Perform the request of an item on this host, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from millracer.api.ops import answer_request
from millracer.cancellation import Cancellation
from millracer.domain.certificate.content import CertifiedLease
from millracer.domain.control import ControlOutcome
from millracer.domain.event_log import Event
from millracer.domain.run.options import RunOptions
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.run.result import RunResult
from millracer.domain.work.items import ItemState
from millracer.operations.ops.gateway import CommandDefaults
from millracer.operations.options import OptionLayers
from millracer.ports import EventLogs, LogReader
from millracer.ports.event_log import LogRole
from millracer.schemas.ops.request import SCHEMA_VERSION_V03
from millracer.wiring.tool_factory import ProgramFactory
from millracer.worker.certificates import EndedRun, add_certificate
from millracer.worker.result import ResultDocument

#: Receives an event of a run and its number in the item's log (0 without a log).
OnEvent = Callable[[Event, int], None]


class CancelEffect(StrEnum):
    """What cancelling an item in Millrace led to."""

    CANCELLED = "cancelled"  #: Millrace does not work on it any more
    TOO_LATE = "too_late"  #: it had ended in another way
    OPEN = "open"  #: Millrace may still work on it


class ItemRunner(Protocol):
    """Performs the requests of items in their checkouts."""

    def run(
        self,
        request: Mapping[str, Any],
        root: str,
        cancellation: Cancellation,
        on_event: OnEvent,
    ) -> ResultDocument:
        """Perform a request to its end and return its ops result document."""
        ...

    def certify(self, document: ResultDocument, root: str, lease: CertifiedLease) -> ResultDocument:
        """Return the result of a completed run with its signed certificate.

        Never raises: without a certificate, the document is as it was, or has a warning.

        Args:
            document: the last result of `run` in this checkout.
            root: the checkout.
            lease: the lease under which the host ran the item.
        """
        ...

    def cancel(self, item_id: str, root: str) -> CancelEffect:
        """Take an item out of Millrace's queue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsRunner:
    """Performs requests as `millracer ops` does, and shares the programs between them.

    Attributes:
        programs: pi and Millrace.
        options: the host's options of runs, which a request's own options precede.
        certifies: make certificates of completed items; None: if the host has a signing key.
    """

    programs: ProgramFactory
    options: OptionLayers
    certifies: bool | None = None
    _ended: dict[str, EndedRun] = field(default_factory=dict, repr=False, compare=False)

    def run(
        self,
        request: Mapping[str, Any],
        root: str,
        cancellation: Cancellation,
        on_event: OnEvent,
    ) -> ResultDocument:
        """Perform a request to its end and return its ops result document."""
        ref = {**_mapping(request.get("workspace_ref")), "root_path": root}
        for name in ("workspace_id", "runtime_kind"):
            ref.pop(name, None)
        local = {**request, "action": "enqueue", "workspace_ref": ref}
        with ExitStack() as held:
            position = held.enter_context(closing(_LogPosition()))

            def listen(event: ProgressEvent) -> None:
                on_event(event, position.current())

            programs = replace(
                self.programs,
                listeners=(*self.programs.listeners, listen),
                on_log=position.opened,
                on_result=lambda options, ended: self._note(root, options, ended),
            )
            result = answer_request(local, programs, self._defaults, cancellation)
        return result.model_dump(mode="json")

    def cancel(self, item_id: str, root: str) -> CancelEffect:
        """Take an item out of Millrace's queue."""
        request = {
            "schema_version": SCHEMA_VERSION_V03,
            "request_id": f"cancel-{item_id}",
            "action": "cancel",
            "workspace_ref": {"root_path": root},
            "source": {"kind": "fleet"},
            "input": {"payload": {"work_item_id": item_id, "reason": "cancelled in the fleet"}},
        }
        result = answer_request(request, self.programs, self._defaults, Cancellation())
        report = result.model_dump(mode="json")["result"]
        if any(error.code == "invalid_request" for error in result.errors):
            return CancelEffect.CANCELLED  # Millrace never had it
        if report.get("state") == ItemState.CANCELLED:
            return CancelEffect.CANCELLED
        if report.get("outcome") == ControlOutcome.TOO_LATE:
            return CancelEffect.TOO_LATE
        return CancelEffect.OPEN

    def certify(self, document: ResultDocument, root: str, lease: CertifiedLease) -> ResultDocument:
        """Return the result of a completed run with its signed certificate."""
        ended = self._ended.pop(root, None)
        if ended is None or self.certifies is False:
            return document
        return add_certificate(
            document, ended, root, lease, self.programs, is_requested=self.certifies is True
        )

    def _note(self, root: str, options: RunOptions, result: RunResult) -> None:
        self._ended[root] = EndedRun(options=options, result=result)

    @property
    def _defaults(self) -> CommandDefaults:
        return CommandDefaults(options=self.options, session_id="fleet")


class _LogPosition:
    """The number of the last event in the log of a run's item."""

    def __init__(self) -> None:
        self._reader: LogReader | None = None

    def opened(self, logs: EventLogs, item_id: str, _role: LogRole | None) -> None:
        """Remember the log as the run opens it."""
        self.close()
        self._reader = logs.read(item_id)

    def current(self) -> int:
        """Return the number; 0 without a log."""
        with suppress(OSError):
            head = None if self._reader is None else self._reader.head
            return 0 if head is None else head.sequence
        return 0

    def close(self) -> None:
        """Release the log; repeatable."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
