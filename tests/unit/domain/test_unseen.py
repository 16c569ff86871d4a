"""What a command reports about a daemon whose process it cannot see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from millracer.domain.unseen import DAEMON_UNSEEN, describe_unseen, how_to_free, unseen_warning
from millracer.domain.work.runtime import OutOfSight, RunningDaemon

_SINCE = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))
_GONE = OutOfSight(host="builder", since=_SINCE, lock_file="/a mill/lock.json", is_alive=False)
_VISIBLE = RunningDaemon(pid=71, started=1.0, owned=False)
_UNSEEN = replace(_VISIBLE, out_of_sight=_GONE)
_ALIVE = replace(_VISIBLE, out_of_sight=replace(_GONE, is_alive=True))


def test_a_visible_daemon_is_not_described() -> None:
    assert (describe_unseen(_VISIBLE), how_to_free(_VISIBLE)) == ("", "")


def test_an_unseen_daemon_is_described_by_process_host_and_utc_time() -> None:
    text = describe_unseen(_UNSEEN)

    assert text.startswith("process 71 on host builder ")
    assert _SINCE.astimezone(UTC).strftime(" %Y-%m-%d %H:%M:%S UTC ") in text
    assert ("may be dead" in text, "may be dead" in describe_unseen(_ALIVE)) == (True, False)


def test_only_the_lock_of_a_daemon_that_may_be_dead_may_be_removed() -> None:
    assert "`rm '/a mill/lock.json'`" in how_to_free(_UNSEEN)
    assert how_to_free(_ALIVE) == "stop it on builder"


def test_only_a_daemon_that_may_be_dead_is_warned_of() -> None:
    warning = unseen_warning(_UNSEEN)

    assert warning is not None
    assert warning.code == DAEMON_UNSEEN == "daemon_unseen"
    assert warning.text == f"{describe_unseen(_UNSEEN)}; {how_to_free(_UNSEEN)}"
    assert [unseen_warning(each) for each in (None, _VISIBLE, _ALIVE)] == [None, None, None]
