"""What each login role may do on PostgreSQL: a row of docs/fleet.md for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from millracer.domain.fleet.hosts import (
    AWAY_AFTER_SECONDS,
    AnnouncedWorkspace,
    RegisterVerdict,
    TakeVerdict,
)
from millracer.domain.fleet.items import FleetSchedule
from millracer.domain.fleet.setup import FleetRole
from millracer.errors import FleetDenied
from tests.conformance.fleet.scenes import (
    Fleet,
    HostAt,
    PostgresScene,
    identity_of,
    new_uuid,
    result_of,
    secret_of,
    submission,
)
from tests.support.postgres import connected

_WEEK = timedelta(days=7)
_SHOP = AnnouncedWorkspace(
    workspace_id="shop", root="/stolen", identity=identity_of("shop"), secret="guessed"
)
_SCHEDULE = FleetSchedule(name="mine", workspace_id="shop", cron="* * * * *")
_CHANGES: dict[str, Callable[[Fleet], object]] = {
    "drain": lambda store: store.drain("a", draining=True),
    "pause": lambda store: store.pause("shop", paused=True),
    "forget": lambda store: store.forget_workspace("shop"),
    "release": lambda store: store.release_workspace("shop"),
    "retry": lambda store: store.retry("one"),
    "prune": lambda store: store.prune(_WEEK),
    "after restore": lambda store: store.void_leases(),
}
_FORBIDDEN = (
    "insert into dbos.workflow_status (workflow_uuid) values ('planted')",
    "select dbos.enqueue_workflow('millracer.item', 'host:a')",
    "select * from dbos.workflow_status",
    "select * from fleet.items",
    "update fleet.items set completed = true",
    "delete from fleet.refused",
    "insert into fleet.hosts (host, role) values ('mine', 'joe')",
    "select fleet.deliver(gen_random_uuid(), 'one', 1, gen_random_uuid(), '{}')",
    "select fleet.open('a', gen_random_uuid(), '', '', 1, '', 1, true, true)",
    "select fleet.dispatch('one')",
    "select fleet.withdraw('one', 1, true)",
    "create table fleet.mine (a int)",
    "create function fleet.evil() returns int language sql as 'select 1'",
)

_EVIL = """
create function pg_temp.evil() returns trigger language plpgsql as $$
begin update fleet.items set completed = true; return new; end $$
"""


@pytest.fixture
def host(postgres: PostgresScene) -> HostAt:
    opened = HostAt(postgres, "a")
    opened.announce("shop")
    postgres.as_submitter().submit(submission("one"))
    return opened


@pytest.mark.parametrize("statement", _FORBIDDEN)
def test_a_submitter_can_submit_cancel_and_read_and_nothing_else(
    postgres: PostgresScene, host: HostAt, statement: str
) -> None:
    place = postgres.place_of("joe", FleetRole.SUBMITTER)

    with connected(place) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "update fleet.items set completed = true",
        "update fleet.workspaces set epoch = 0",
        "insert into fleet.hosts (host, role) values ('c', 'role-a')",
        "delete from fleet.refused",
        "select fleet.dispatch('one')",
        "select fleet.withdraw('one', 1, true)",
        "select fleet.may_operate('a')",
    ],
)
def test_a_host_writes_the_fleet_by_its_functions_alone(
    postgres: PostgresScene, host: HostAt, statement: str
) -> None:
    place = postgres.place_of("role-a", FleetRole.HOST)

    with connected(place) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_host_cannot_run_code_with_the_owners_rights(
    postgres: PostgresScene, host: HostAt
) -> None:
    """The fleet's functions write the engine's tables as the owner, and a trigger would run so."""
    place = postgres.place_of("role-a", FleetRole.HOST)

    with connected(place) as connection:
        connection.execute(_EVIL.encode())
        tables = connection.execute(
            "select tablename::text from pg_tables where schemaname = 'dbos'"
        ).fetchall()
        for (table,) in tables:
            plant = (
                f"create trigger evil before insert or update on dbos.{table} "
                "for each row execute function pg_temp.evil()"
            )
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(plant.encode())
        assert ("workflow_status",) in tables


def test_a_role_of_no_group_sees_nothing(postgres: PostgresScene, host: HostAt) -> None:
    place = postgres.place_of("stranger", FleetRole.SUBMITTER)
    postgres.execute("revoke fleet_submit from stranger")

    with connected(place) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from fleet.overview")
    postgres.execute("drop role stranger")


def test_a_host_has_no_part_in_anothers_name_workspaces_and_items(
    postgres: PostgresScene, host: HostAt
) -> None:
    lease = host.run_next()
    other = HostAt(postgres, "b")
    stolen = host.session_of(session=new_uuid(), holder_is_dead=True, take_over=True)

    assert other.store.open(stolen) == "other_role"
    taken = other.store.take(host.session, "one", identity_of("shop"))
    assert taken.verdict is TakeVerdict.SUPERSEDED
    assert not other.store.deliver(lease, result_of(lease))  # even with a's session
    assert other.store.beat("a", host.session) is None
    assert other.store.reconcile("a", host.session, ()) == ()
    assert other.store.register(other.session, _SHOP) is RegisterVerdict.OTHER_HOST
    other.store.report_progress(lease, "builder", "forged", 1)
    found = postgres.as_submitter().find_item("one")
    assert found is not None
    assert found.item.progress is None
    assert [each.why for each in found.refused] == ["session_superseded"]
    assert host.store.deliver(lease, result_of(lease))


def test_the_public_identity_of_a_checkout_does_not_give_its_workspace(
    postgres: PostgresScene, host: HostAt
) -> None:
    """Every role reads identities; a host that is away keeps its workspaces all the same."""
    other = HostAt(postgres, "b")
    postgres.fall_silent("a")
    (shop,) = other.store.list_workspaces()

    stolen = AnnouncedWorkspace(
        workspace_id="shop", root="/stolen", identity=shop.identity, secret="guessed"
    )
    assert other.store.register(other.session, stolen) is RegisterVerdict.OTHER_HOST
    moved = replace(stolen, secret=secret_of("shop"))
    assert other.store.register(other.session, moved) is RegisterVerdict.REGISTERED


def test_no_role_decides_when_another_host_is_away(postgres: PostgresScene, host: HostAt) -> None:
    """Neither function has a parameter for it, and even the secret does not help before."""
    other = HostAt(postgres, "b")
    moved = replace(_SHOP, secret=secret_of("shop"))

    assert other.store.register(other.session, moved) is RegisterVerdict.OTHER_HOST
    with connected(postgres.place_of("role-b", FleetRole.HOST)) as connection:
        found = connection.execute(
            "select proname::text from pg_proc where pronamespace = 'fleet'::regnamespace "
            "and proname in ('open', 'register') and 'interval'::regtype = any (proargtypes)"
        ).fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select secret_hash from fleet.workspaces")
    assert found == []


def test_the_database_and_this_program_agree_on_when_a_host_is_away(
    postgres: PostgresScene,
) -> None:
    with connected(postgres.place) as connection:
        row = connection.execute(
            "select extract(epoch from now() - fleet.away_before())::float8"
        ).fetchone()

    assert row is not None
    assert row[0] == pytest.approx(AWAY_AFTER_SECONDS, abs=1.0)


@pytest.mark.parametrize("change", _CHANGES)
def test_neither_another_host_nor_a_submitter_changes_a_host(
    postgres: PostgresScene, host: HostAt, change: str
) -> None:
    for store in (HostAt(postgres, "b").store, postgres.as_submitter()):
        with pytest.raises(FleetDenied):
            _CHANGES[change](store)


def test_a_host_changes_itself_and_an_owner_everything(
    postgres: PostgresScene, host: HostAt
) -> None:
    owner = postgres.as_owner()

    for store in (host.store, owner):
        assert store.drain("a", draining=False)
        assert store.pause("shop", paused=False)
        assert not store.retry("one")
    assert owner.prune(_WEEK) == 0
    with pytest.raises(FleetDenied):
        host.store.prune(_WEEK)
    with pytest.raises(FleetDenied):
        postgres.as_submitter().put_schedule(_SCHEDULE)
