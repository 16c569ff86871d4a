"""The benchmark's stand-ins of hosts: each item is measured, and a failure is raised."""

from __future__ import annotations

import pytest

from tests.bench.fleet_stand_ins import Load, _Host, simulate
from tests.bench.running import Failed
from tests.conformance.fleet.scenes import PostgresScene

_LOAD = Load(hosts=1, workspaces=2, seconds=0.5, claim_seconds=20)


def test_each_submitted_item_is_measured(postgres: PostgresScene) -> None:
    seen = simulate(postgres.place, _LOAD, lambda: 0.0)

    assert len(seen.claims) == seen.submitted > 0


def test_a_host_that_fails_ends_the_measurement(
    postgres: PostgresScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise ValueError("the host failed")

    monkeypatch.setattr(_Host, "_perform", failing)

    with pytest.raises(ValueError, match="the host failed"):
        simulate(postgres.place, Load(hosts=1, seconds=0.5, claim_seconds=1), lambda: 0.0)


def test_an_item_that_is_not_claimed_ends_the_measurement(
    postgres: PostgresScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Host, "_perform", lambda *_: None)

    with pytest.raises(Failed, match=r"0 of \d+"):
        simulate(postgres.place, Load(hosts=1, seconds=0.5, claim_seconds=1), lambda: 0.0)
