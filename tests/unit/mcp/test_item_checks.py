"""The checks of an item run once for all calls that wait, and again for later ones."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from millracer.cancellation import Cancelled, CancelReason
from millracer.domain.run.completion import Verdict
from millracer.mcp import item_checks
from millracer.mcp.item_checks import ItemChecks

_KEY = ("/workspace", "fix-it-1")
_LIMIT_SECONDS = 30.0


@dataclass
class Checks:
    """Checks that run until a test lets them end."""

    may_end: threading.Event = field(default_factory=threading.Event)
    runs: int = 0
    error: BaseException | None = None

    def __call__(self) -> Verdict:
        self.runs += 1
        assert self.may_end.wait(_LIMIT_SECONDS)
        if self.error is not None:
            raise self.error
        return Verdict(completed=True)


def test_a_later_call_receives_the_verdict_and_the_next_one_runs_them_again() -> None:
    kept, checks = ItemChecks(), Checks()

    assert kept.judge(_KEY, checks, 0) is None
    checks.may_end.set()
    assert kept.judge(_KEY, checks, _LIMIT_SECONDS) == Verdict(completed=True)
    assert checks.runs == 1
    kept.judge(_KEY, checks, _LIMIT_SECONDS)
    assert checks.runs == 2


def test_a_verdict_that_no_call_received_does_not_count_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, checks = ItemChecks(), Checks()
    kept.judge(_KEY, checks, 0)
    checks.may_end.set()
    kept.await_end()
    monkeypatch.setattr(item_checks, "_KEPT_SECONDS", -1.0)

    kept.judge(_KEY, checks, _LIMIT_SECONDS)

    assert checks.runs == 2


@pytest.mark.parametrize("error", [Cancelled(CancelReason.TERMINATED), ValueError("a bug")])
def test_an_error_is_raised_unless_the_server_ends(error: Exception) -> None:
    kept, checks = ItemChecks(), Checks(error=error)
    checks.may_end.set()

    if isinstance(error, Cancelled):
        assert kept.judge(_KEY, checks, _LIMIT_SECONDS) is None
    else:
        with pytest.raises(ValueError, match="a bug"):
            kept.judge(_KEY, checks, _LIMIT_SECONDS)
    assert checks.runs == 1
