"""The methods that read and control the work in a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millracer.api.base import ClientBase, refuse_blank
from millracer.cancellation import Cancellation
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import (
    CancelRequest,
    DiagnoseRequest,
    ModelsRequest,
    PauseRequest,
    ResumeRequest,
    RetryRequest,
    StartRequest,
    StatusRequest,
    StopRequest,
)

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.schemas.control import ControlResult
    from millracer.schemas.doctor import DoctorResult
    from millracer.schemas.models import ModelsResult
    from millracer.schemas.status import StatusResult


class WorkspaceMethods(ClientBase):
    """Read and control the work in a workspace."""

    def status(self, *, cancellation: Cancellation | None = None) -> StatusResult:
        """Return the status of the workspace, as `millracer status` does; changes nothing.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        result: StatusResult = self._call(OperationName.STATUS, StatusRequest(), cancellation)
        return result

    def models(
        self,
        *choices: str,
        follow_pi: bool = False,
        check_models: bool = True,
        cancellation: Cancellation | None = None,
    ) -> ModelsResult:
        """Return the model of pi and of each stage, as `millracer models` does, after changes.

        Args:
            choices: models for the stages, each as `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an
                alias for all of them. Without any, nothing is changed.
            follow_pi: give all stages the model of pi.
            check_models: refuse a model that pi has no credentials for.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = ModelsRequest(choices=choices, follow_pi=follow_pi, check_models=check_models)
        result: ModelsResult = self._call(OperationName.MODELS, request, cancellation)
        return result

    def start(self, *, cancellation: Cancellation | None = None) -> ControlResult:
        """Start a daemon that works the queue until `stop`, as `millracer start` does.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.START, StartRequest(), cancellation)

    def stop(
        self, *, force: bool = False, cancellation: Cancellation | None = None
    ) -> ControlResult:
        """Stop the daemon of the workspace, as `millracer stop` does.

        Args:
            force: also stop a foreign daemon, or one that another caller watches.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.STOP, StopRequest(force), cancellation)

    def pause(self, *, cancellation: Cancellation | None = None) -> ControlResult:
        """Pause the workspace, as `millracer pause` does: no new stage is started.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.PAUSE, PauseRequest(), cancellation)

    def resume(self, *, cancellation: Cancellation | None = None) -> ControlResult:
        """End the pause of the workspace, as `millracer resume` does; starts no daemon.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.RESUME, ResumeRequest(), cancellation)

    def cancel(
        self, item: str, *, reason: str | None = None, cancellation: Cancellation | None = None
    ) -> ControlResult:
        """Take one waiting or blocked item out of the queue, as `millracer cancel` does.

        Args:
            item: the work item's id, or the id of its request.
            reason: kept by Millrace. None: a default reason.
            cancellation: ends the call early.

        Raises:
            UsageError: the item or the reason is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        if reason is not None:
            refuse_blank(reason, "reason")
        return self._control(OperationName.CANCEL, CancelRequest(item, reason), cancellation)

    def retry(
        self, item: str, *, reason: str | None = None, cancellation: Cancellation | None = None
    ) -> ControlResult:
        """Put one blocked item back into the queue, as `millracer retry` does.

        Args:
            item: as for `show`.
            reason: kept by Millrace. None: a default reason.
            cancellation: ends the call early.

        Raises:
            UsageError: the item or the reason is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        if reason is not None:
            refuse_blank(reason, "reason")
        return self._control(OperationName.RETRY, RetryRequest(item, reason), cancellation)

    def diagnose(
        self, *, with_turn: bool = False, cancellation: Cancellation | None = None
    ) -> DoctorResult:
        """Check whether a run would work, as `millracer doctor` does; changes nothing.

        Args:
            with_turn: also send pi one short prompt, which calls its model.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = DiagnoseRequest(with_turn=with_turn)
        result: DoctorResult = self._call(OperationName.DIAGNOSE, request, cancellation)
        return result

    def _control(
        self, name: OperationName, request: object, cancellation: Cancellation | None
    ) -> ControlResult:
        result: ControlResult = self._call(name, request, cancellation)
        return result
