"""Convert a command line to a request: task text, workspace and options."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.stdin import StandardInput
from millracer.domain.requests import Finalizer, IntakePreference
from millracer.errors import InvalidRequest, UsageError
from millracer.operations.context import PreparedTask, prepare_task
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.encoding import NotUtf8, read_utf8
from millracer.schemas.run_request import TaskRequest, parse_run_request
from millracer.wiring.workspace import find_place

_GIVE_TASK = 'give the task after the command, in quotes ("Fix the tests"), or on standard input'


def prepare(options: TaskInput, request_id: str, memory: SessionMemory) -> PreparedTask:
    """Read the task, find its workspace and merge the options there.

    Raises:
        UsageError, InvalidRequest, ConfigInvalid: the input is invalid.
    """
    intake, document, named = None, None, options.common.workspace
    if options.resume is not None:
        task = _check_resume(options)
    elif options.request_json:
        document = read_request(options)
        task = document.task
        if document.intake is not IntakePreference.AUTO:
            intake = document.intake
        named = named if document.workspace is None else Path(document.workspace)
    else:
        task = read_task(options)
    place = find_place(named, options.common.session_id, memory)
    layers = options.common.options
    if intake is not None:
        layers = layers.with_values(intake=intake)
    prepared = prepare_task(
        task,
        request_id,
        place,
        layers,
        request_id_named=options.request_id is not None,
        scope=None if document is None else document.scope,
        scope_is_unclear=document is not None and document.scope_is_unclear,
        resume=options.resume,
    )
    ignored = () if document is None else document.warnings
    request = prepared.request
    if options.observe:
        request = replace(request, observe=True, finalizer=Finalizer.SUMMARY)
    return replace(prepared, request=request, warnings=(*ignored, *prepared.warnings))


def _check_resume(options: TaskInput) -> str:
    if options.task or options.request_json:
        raise UsageError(
            "--resume continues a work item and takes no task",
            suggested_action="omit the task and --request-json",
        )
    if not (options.resume or "").strip():
        raise UsageError(
            "`--resume` and `watch` need a work item id; the given id is empty",
            suggested_action="give the `work_item_id` of a result",
        )
    return ""


def read_request(options: TaskInput) -> TaskRequest:
    """Return the request on standard input.

    Raises:
        UsageError, InvalidRequest: it cannot be read, or the command line gives a task, too.
    """
    if options.task:
        raise UsageError(
            "--request-json reads the task from standard input",
            suggested_action="omit the task text from the command line",
        )
    return parse_run_request(StandardInput().read())


def read_task(options: TaskInput) -> str:
    """Return the task of the command line, else that on standard input.

    Raises:
        UsageError, InvalidRequest: there is no task, or it cannot be read.
    """
    if options.task:
        task = " ".join(options.task)
    elif sys.stdin.isatty():
        task = ""
    else:
        try:
            task = read_utf8(StandardInput().read()).removesuffix("\n")
        except NotUtf8 as exc:
            raise InvalidRequest(
                f"the task on standard input {exc}",
                field="task",
                suggested_action=exc.suggested_action,
            ) from exc
        except UsageError as error:
            raise UsageError(
                f"there is no task, and {error.message}", suggested_action=_GIVE_TASK
            ) from error
    if not task.strip():
        raise UsageError("there is no task", suggested_action=_GIVE_TASK)
    return task
