"""A daemon is known again although the machine's clock was set since it started."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.millrace.daemon.ownership import read_ownership, write_ownership
from tests.support.fake_daemon import FakeDaemonSite

pytestmark = pytest.mark.portable


def set_clock(site: FakeDaemonSite, hours: int) -> None:
    """Let every recorded time differ from what the process table shows now."""
    record = read_ownership(site.paths)
    assert record is not None
    assert record.started is not None
    was = timedelta(hours=-hours)
    started = record.started + was.total_seconds()
    write_ownership(site.paths, record.model_copy(update={"started": started}))
    lock = json.loads(site.paths.runtime_lock.read_text(encoding="utf-8"))
    lock["acquired_at"] = (datetime.fromisoformat(lock["acquired_at"]) + was).isoformat()
    site.paths.runtime_lock.write_text(json.dumps(lock), encoding="utf-8")


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "forward"])
def test_an_owned_daemon_is_known_and_stopped_after_the_clock_was_set(
    site: FakeDaemonSite, hours: int
) -> None:
    wait = Wait.for_seconds(30)
    daemon = site.daemon()
    lease = daemon.lease(wait)
    with daemon.control(wait) as control:
        started = control.start("default_pi", wait)
    set_clock(site, hours)

    with site.daemon().control(wait) as control:
        found = control.running(wait)
    left_running = lease.leave(wait, keep_daemon=False)

    assert found == started
    assert not left_running
    assert not psutil.pid_exists(started.pid)
