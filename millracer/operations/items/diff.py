"""Show the changes of the workspace's files during the work on one item."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.operations.requests import DiffRequest
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.run.prepare.lookup import item_named
from millracer.schemas.diff import DiffResult
from millracer.schemas.run.changes import describe_changes


def answer_diff(request: DiffRequest, context: OperationContext) -> Answer[DiffResult]:
    """Return the changes up to the item's proven completion, else up to now; starts no Millrace.

    Raises:
        ChangesUnknown: the start of the work was not recorded here, or git failed.
        InvalidRequest: the workspace cannot be used, or several items have this name.
    """
    place = context.find_workspace()
    item_id = item_named(request.work_item_id, context.open_millrace(place.root_path))
    repository, wait = context.tools.repository(place.root_path), Wait(context.cancellation)
    patch = repository.patch(item_id, wait)
    changes = repository.changes(item_id, wait, is_final=False)
    result = DiffResult(
        workspace=place.root_path,
        work_item_id=item_id,
        changes=describe_changes(changes),
        patch=patch,
        warnings=[str(warning) for warning in (*place.warnings, *context.memory.warnings)],
    )
    return Answer(result=result, exit_code=ExitCode.COMPLETED)
