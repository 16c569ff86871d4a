"""The methods that read work items and Millrace's runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from millracer.api.base import ClientBase, perform_redacted, refuse_blank
from millracer.api.options import checked_keywords
from millracer.cancellation import Cancellation
from millracer.domain.operations import CHECK_OPTIONS, OperationName
from millracer.domain.operations.requests import (
    CertifyRequest,
    DiffRequest,
    HistoryRequest,
    ListRequest,
    ListRunsRequest,
    LogsRequest,
    ShowRequest,
    ShowRunRequest,
    TraceRequest,
    VerifyRequest,
)

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.schemas.certificate.results import CertifyResult, VerifyResult
    from millracer.schemas.diff import DiffResult
    from millracer.schemas.items.history import HistoryResult
    from millracer.schemas.items.item import ItemResult, LogsResult, TraceResult
    from millracer.schemas.items.listing import ListResult
    from millracer.schemas.items.runs import RunsResult, ShownRunResult


class ItemMethods(ClientBase):
    """Read work items and Millrace's runs."""

    def list(
        self,
        states: Sequence[str] = (),
        *,
        all_workspaces: bool = False,
        cancellation: Cancellation | None = None,
    ) -> ListResult:
        """Return the items, the last written first, as `millracer list` does; changes nothing.

        Args:
            states: only items in these states; all if empty.
            all_workspaces: also the items of every registered workspace.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = ListRequest(states=tuple(states), all_workspaces=all_workspaces)
        result: ListResult = self._call(OperationName.LIST, request, cancellation)
        return result

    def show(self, item: str, *, cancellation: Cancellation | None = None) -> ItemResult:
        """Return everything about one item, as `millracer show` does; changes nothing.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        result: ItemResult = self._call(OperationName.SHOW, ShowRequest(item), cancellation)
        return result

    def logs(
        self,
        item: str,
        *,
        stage: str | None = None,
        raw: bool = False,
        cancellation: Cancellation | None = None,
    ) -> LogsResult:
        """Return what the agents of an item's stages said and did, as `millracer logs` does.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            stage: only stages of this name; all if None.
            raw: also the recorded files' texts.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        request = LogsRequest(item, stage=stage, raw=raw)
        result: LogsResult = self._call(OperationName.LOGS, request, cancellation)
        return result

    def trace(self, item: str, *, cancellation: Cancellation | None = None) -> TraceResult:
        """Return Millrace's evidence about one item, as `millracer trace` does.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        result: TraceResult = self._call(OperationName.TRACE, TraceRequest(item), cancellation)
        return result

    def diff(self, item: str, *, cancellation: Cancellation | None = None) -> DiffResult:
        """Return the changed files during the work on an item, as `millracer diff` does.

        Args:
            item: the work item's id, or the id of its request.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        result: DiffResult = self._call(OperationName.DIFF, DiffRequest(item), cancellation)
        return result

    def certify(
        self,
        item: str,
        *,
        key: str | None = None,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> CertifyResult:
        """Return a signed certificate of one completed item, as `millracer certify` does.

        Writes no file: the result has the envelope.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            key: the file with the signing key; None: that of the environment, else the user's.
            cancellation: ends the call early.
            options: `checks`, `check_in` and `check_timeout_seconds`, as for `run`.

        Raises:
            UsageError: the item is empty, or the client is closed.
            InvalidRequest: an option cannot be used; `field` names it.
        """
        checked = self._checked(checked_keywords(options, CHECK_OPTIONS))
        refuse_blank(item, "item")
        request = CertifyRequest(work_item_id=item, key=key)
        with self._context(checked, cancellation) as context:
            result: CertifyResult = perform_redacted(OperationName.CERTIFY, request, context)
        return result

    def verify(  # noqa: PLR0913 - all but one are optional
        self,
        certificate: bytes,
        *,
        keys: Sequence[str] = (),
        commit: str | None = None,
        with_evidence: bool = False,
        required_checks: Sequence[Sequence[str]] = (),
        rerun: bool = False,
        with_lease: bool = False,
        cancellation: Cancellation | None = None,
    ) -> VerifyResult:
        """Verify a certificate, as `millracer verify` does; needs neither Millrace nor pi.

        Args:
            certificate: the content of the certificate's file.
            keys: files with public keys to trust; empty: the user's trusted keys.
            commit: the commit that must have the certified tree, in the client's workspace.
            with_evidence: compare the evidence in the client's workspace as well.
            required_checks: checks that the certificate must prove, as lists of words.
            rerun: run the checks again on the files of the commit.
            with_lease: compare the lease with the database of the client's fleet.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = VerifyRequest(
            content=certificate,
            keys=tuple(keys),
            commit=commit,
            with_evidence=with_evidence,
            required_checks=tuple(map(tuple, required_checks)),
            rerun=rerun,
            with_lease=with_lease,
        )
        result: VerifyResult = self._call(OperationName.VERIFY, request, cancellation)
        return result

    def history(
        self, *, all_workspaces: bool = False, cancellation: Cancellation | None = None
    ) -> HistoryResult:
        """Return the attempts that were watched here, as `millracer history` does.

        Args:
            all_workspaces: also the attempts in every registered workspace.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = HistoryRequest(all_workspaces=all_workspaces)
        result: HistoryResult = self._call(OperationName.HISTORY, request, cancellation)
        return result

    def list_runs(
        self, item: str | None = None, *, cancellation: Cancellation | None = None
    ) -> RunsResult:
        """Return Millrace's runs in the workspace, the newest first; changes nothing.

        Args:
            item: only runs with a stage for this item, named as for `show`. None: all.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        if item is not None:
            refuse_blank(item, "item")
        request = ListRunsRequest(item)
        result: RunsResult = self._call(OperationName.LIST_RUNS, request, cancellation)
        return result

    def show_run(self, run_id: str, *, cancellation: Cancellation | None = None) -> ShownRunResult:
        """Return one of Millrace's runs whole; changes nothing.

        Args:
            run_id: Millrace's id of the run.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(run_id, "run_id")
        request = ShowRunRequest(run_id)
        result: ShownRunResult = self._call(OperationName.SHOW_RUN, request, cancellation)
        return result
