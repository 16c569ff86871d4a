"""Show the changes of the workspace's files during the work on one item."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.operations.requests import DiffRequest
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.run.prepare.lookup import has_ended_on_disk, item_named
from millracer.schemas.diff import DiffResult
from millracer.schemas.run.changes import describe_changes


def answer_diff(request: DiffRequest, context: OperationContext) -> Answer[DiffResult]:
    """Return the changes up to the recorded end, or of open work up to now; starts no Millrace.

    Raises:
        ChangesUnknown: the start, or the end of ended work, was not recorded here, or git failed.
        InvalidRequest: the workspace cannot be used, or several items have this name.
    """
    place = context.find_workspace()
    millrace = context.open_millrace(place.root_path)
    item_id = item_named(request.work_item_id, millrace)
    has_ended = has_ended_on_disk(item_id, millrace)
    repository, wait = context.tools.repository(place.root_path), Wait(context.cancellation)
    patch = repository.patch(item_id, wait, has_ended=has_ended)
    changes = repository.changes(item_id, wait, has_ended=has_ended)
    result = DiffResult(
        workspace=place.root_path,
        work_item_id=item_id,
        changes=describe_changes(changes),
        patch=patch,
        warnings=[str(warning) for warning in (*place.warnings, *context.memory.warnings)],
    )
    return Answer(result=result, exit_code=ExitCode.COMPLETED)
