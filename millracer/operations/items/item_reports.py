"""Read everything about one work item: report, transcripts and evidence. Changes nothing."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.item_report import ItemReport, ItemTrace, StageLog
from millracer.domain.operations.requests import LogsRequest, ShowRequest, TraceRequest
from millracer.domain.run.completion import judge
from millracer.domain.run.evidence import LineageItem, lineage_of, runner_failure
from millracer.domain.work.items import ItemStatus
from millracer.errors import ExitCode, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, SelectedWorkspace
from millracer.operations.control import require_workspace
from millracer.operations.items.find_item import find_item
from millracer.ports import Backend, Repository
from millracer.run.prepare.lookup import has_ended
from millracer.schemas.items.item import (
    ItemResult,
    LogsResult,
    TraceResult,
    describe_item,
    describe_logs,
    describe_trace,
)

#: How long Millrace may take to give its evidence.
READ_SECONDS = 60.0


def answer_show(request: ShowRequest, context: OperationContext) -> Answer[ItemResult]:
    """Show one item of the caller's workspace."""
    place, millrace, wait = open_workspace(context)
    repository = context.tools.repository(place.root_path)
    report = read_item(request.work_item_id, millrace, repository, wait)
    return Answer(
        result=describe_item(report, (*place.warnings, *context.memory.warnings)),
        exit_code=ExitCode.COMPLETED,
    )


def answer_logs(request: LogsRequest, context: OperationContext) -> Answer[LogsResult]:
    """Show the transcripts of one item's stages in the caller's workspace."""
    place, millrace, wait = open_workspace(context)
    item_status = find_item(request.work_item_id, millrace, wait)
    logs = read_logs(item_status, request.stage, millrace, wait)
    warnings = (*place.warnings, *context.memory.warnings)
    return Answer(
        result=describe_logs(
            millrace.workspace, item_status.item_id, logs, warnings, raw=request.raw
        ),
        exit_code=ExitCode.COMPLETED,
    )


def answer_trace(request: TraceRequest, context: OperationContext) -> Answer[TraceResult]:
    """Show Millrace's evidence about one item of the caller's workspace."""
    place, millrace, wait = open_workspace(context)
    item_status = find_item(request.work_item_id, millrace, wait)
    evidence = millrace.gather_evidence(item_status, wait)
    trace = ItemTrace(
        workspace=millrace.workspace,
        item_status=item_status,
        facts=(*evidence.items, *evidence.spawns, *evidence.stages, *evidence.closures),
        traces=millrace.run_traces(_ids(item_status, lineage_of(evidence))),
        version=millrace.version,
    )
    return Answer(
        result=describe_trace(trace, (*place.warnings, *context.memory.warnings)),
        exit_code=ExitCode.COMPLETED,
    )


def read_item(name: str, millrace: Backend, repository: Repository, wait: Wait) -> ItemReport:
    """Return the report of a named item.

    Raises:
        InvalidRequest: the workspace holds no such item, or the name is ambiguous.
        ToolError: Millrace did not give its evidence.
    """
    item_status = find_item(name, millrace, wait)
    evidence = millrace.gather_evidence(item_status, wait)
    lineage = lineage_of(evidence)
    watch = millrace.commands.millracer("watch", item_status.item_id)
    listed = {each.item_id: each for each in millrace.list_items()}
    own = listed.get(item_status.millrace_id or "") or listed.get(item_status.item_id)
    return ItemReport(
        workspace=millrace.workspace,
        item_status=item_status,
        title=item_status.item_id if own is None else own.title,
        task=millrace.task_text(item_status),
        lineage=lineage,
        stages=millrace.stage_reports(_ids(item_status, lineage), wait),
        changes=repository.changes(
            item_status.item_id, wait, has_ended=has_ended(item_status, millrace)
        ),
        verdict=judge(evidence),
        failure=runner_failure(evidence),
        next_steps=millrace.commands.next_steps(item_status, lineage, watch_command=watch),
        version=millrace.version,
    )


def read_logs(
    item_status: ItemStatus, stage: str | None, millrace: Backend, wait: Wait
) -> tuple[StageLog, ...]:
    """Return the transcripts of the stages of an item and its lineage.

    Args:
        item_status: the item.
        stage: only stages of this name; None for all.
        millrace: the workspace's backend.
        wait: its cancellation ends the read.

    Raises:
        InvalidRequest: stages ran, and none has this name.
    """
    lineage = lineage_of(millrace.trace_lineage(item_status))
    reports = millrace.stage_reports(_ids(item_status, lineage), wait)
    chosen = [each for each in reports if stage in {None, each.stage}]
    if reports and not chosen:
        names = ", ".join(dict.fromkeys(each.stage for each in reports))
        raise InvalidRequest(
            f"no stage {stage} ran for {item_status.item_id}",
            field="stage",
            suggested_action=f"name one of the stages that ran: {names}",
        )
    return tuple(
        StageLog(report=each, transcript=millrace.read_transcript(each)) for each in chosen
    )


def open_workspace(context: OperationContext) -> tuple[SelectedWorkspace, Backend, Wait]:
    """Return the caller's workspace, its supported Millrace, and the limit of its reads.

    Raises:
        MillracerError: the workspace is not initialised, or Millrace cannot be used.
    """
    place = context.find_workspace()
    millrace = context.open_millrace(place.root_path)
    wait = Wait(context.cancellation).within(READ_SECONDS)
    require_workspace(millrace, wait)
    return place, millrace, wait


def _ids(item_status: ItemStatus, lineage: tuple[LineageItem, ...]) -> tuple[str, ...]:
    own = (item_status.item_id, item_status.millrace_id or item_status.item_id)
    return tuple(dict.fromkeys((*own, *(member.item_id for member in lineage))))
