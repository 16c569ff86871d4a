"""What is gathered for a status, where Millrace and the process table disagree."""

from __future__ import annotations

import pytest

from millracer.cancellation import Wait
from millracer.domain.status import DaemonState
from millracer.operations.status import read_status
from millracer.testing.backend import ScriptedBackend


@pytest.mark.parametrize("pid_taken", [True, False])
def test_a_lock_of_a_dead_daemon_is_stale_whatever_millrace_takes_it_for(
    *, pid_taken: bool
) -> None:
    millrace = ScriptedBackend()
    millrace.stale, millrace.pid_taken = True, pid_taken

    overview = read_status(millrace, Wait.for_seconds(10))

    assert overview.daemon_state is DaemonState.STALE
    assert [warning.code for warning in overview.warnings] == ["stale_state"]


def test_a_daemon_that_ends_while_millrace_is_asked_left_nothing() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    def ends() -> None:
        millrace.daemon = None

    millrace.will_do("read_status", ends, after=True)

    overview = read_status(millrace, Wait.for_seconds(10))

    assert overview.daemon_state is DaemonState.NONE
    assert overview.warnings == ()
