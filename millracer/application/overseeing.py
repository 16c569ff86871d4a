"""Looking at a workspace: everything a status tells, gathered once; changes nothing."""

from __future__ import annotations

from dataclasses import replace

from millracer.domain.overview import Overview
from millracer.domain.result import ErrorRecord
from millracer.errors import MillracerError
from millracer.ports import Millrace
from millracer.waiting import Wait

#: How long Millrace may take to tell its status.
STATUS_SECONDS = 60.0
#: What Millrace says of its lock while the process that it names lives.
_HELD = "active"


def look_at(millrace: Millrace, wait: Wait) -> Overview:
    """Return what goes on in a workspace; what Millrace would not tell is one of the errors.

    What the disk says is told all the same.

    Raises:
        Cancelled: the caller asked to stop.
    """
    found = Overview(
        workspace=millrace.workspace,
        program=millrace.program,
        option=millrace.option,
        initialised=millrace.holds_work,
    )
    if not found.initialised:
        return found
    within = wait.within(STATUS_SECONDS)
    daemon = None
    try:
        version = millrace.check_supported(within)
        status = millrace.read_status(within)
        daemon = millrace.find_daemon()
        is_held = status.lock == _HELD
        found = replace(
            found,
            version=version,
            status=status,
            stranded=is_held and daemon is None and millrace.is_stale(within),
        )
    except MillracerError as error:
        daemon = daemon or millrace.find_daemon()
        found = replace(found, errors=(ErrorRecord.of(error),))
    return replace(
        found,
        daemon=daemon,
        watched=millrace.is_watched(),
        left=millrace.list_left(),
        events=millrace.recent_events(),
    )
