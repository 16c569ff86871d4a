"""`fleet doctor`: what each check finds."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from millracer.domain.doctor_report import CheckLevel
from millracer.domain.fleet.hosts import AnnouncedWorkspace, HostSession
from millracer.domain.fleet.items import FleetSubmission
from millracer.domain.fleet.setup import FleetCheckName, FleetPlace, FleetRole, is_usable
from millracer.fleet import checks
from millracer.fleet.store import PostgresFleet
from tests.support.postgres import PostgresServer, connected, login_role

_OK, _WARNING, _FAIL = CheckLevel.OK, CheckLevel.WARNING, CheckLevel.FAIL


def _levels(place: FleetPlace) -> dict[FleetCheckName, CheckLevel]:
    return {each.name: each.finding.level for each in checks.check(place)}


def _execute(place: FleetPlace, statement: str) -> None:
    with connected(place) as connection:
        connection.execute(statement.encode())


def test_a_fresh_fleet_passes_every_check(database: FleetPlace) -> None:
    found = checks.check(database)

    assert [each.name for each in found] == list(FleetCheckName)
    assert is_usable(found)
    assert set(_levels(database).values()) == {_OK}


def test_without_a_connection_the_other_checks_are_skipped(database: FleetPlace) -> None:
    levels = _levels(replace(database, url="postgresql://me@127.0.0.1:1/fleet"))

    assert levels.pop(FleetCheckName.REACHABLE) is _FAIL
    assert set(levels.values()) == {CheckLevel.SKIPPED}


def test_a_database_without_schemas_names_the_command(postgres_server: PostgresServer) -> None:
    place = FleetPlace(url=postgres_server.url, passfile=str(postgres_server.passfile))
    found = {each.name: each.finding for each in checks.check(place)}

    assert found[FleetCheckName.SCHEMA].level is _FAIL
    assert found[FleetCheckName.SCHEMA].next_command == "millracer fleet up"


def test_the_engines_schema_is_compared_with_the_installed_engine(database: FleetPlace) -> None:
    for shift in (-1, 1):
        with connected(database) as connection:
            connection.execute("update dbos.dbos_migrations set version = version + %s", (shift,))
        try:
            assert _levels(database)[FleetCheckName.ENGINE] is _FAIL
        finally:
            with connected(database) as connection:
                connection.execute(
                    "update dbos.dbos_migrations set version = version - %s", (shift,)
                )
    assert _levels(database)[FleetCheckName.ENGINE] is _OK


def test_a_submitter_may_run_the_doctor(
    database: FleetPlace, postgres_server: PostgresServer
) -> None:
    levels = _levels(login_role(database, postgres_server, "reader", FleetRole.SUBMITTER))

    assert levels.pop(FleetCheckName.ENGINE) is CheckLevel.SKIPPED
    assert set(levels.values()) == {_OK}


def test_a_password_file_that_others_can_read_is_a_failure(
    database: FleetPlace, tmp_path: Path
) -> None:
    source = tmp_path / "fleet.toml"
    source.touch(mode=0o644)

    assert _levels(replace(database, source=str(source)))[FleetCheckName.PASSWORD_FILE] is _FAIL
    source.chmod(0o600)
    assert _levels(replace(database, source=str(source)))[FleetCheckName.PASSWORD_FILE] is _OK


def test_a_connection_over_the_network_must_be_encrypted_and_verified(
    database: FleetPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LOOPBACK", frozenset())

    assert _levels(database)[FleetCheckName.TLS] is _FAIL


def test_hosts_that_are_away_and_items_that_are_stuck_are_named(database: FleetPlace) -> None:
    session, identity = str(uuid.uuid4()), str(uuid.uuid4())
    with closing(PostgresFleet(database)) as store:
        store.open(
            HostSession(
                host="a", session=session, machine="m", boot="b", pid=1, version="1", slots=1
            )
        )
        store.register(
            session, AnnouncedWorkspace(workspace_id="w", root="/w", identity=identity, secret="s")
        )
        for name in ("one", "two"):
            store.submit(
                FleetSubmission(item_id=name, request_hash="h", request={}, workspace_id="w")
            )
    _execute(database, "update dbos.workflow_status set status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'")
    aside = {each.name: each.finding for each in checks.check(database)}
    assert aside[FleetCheckName.STUCK_ITEMS].level is _WARNING
    assert (aside[FleetCheckName.STUCK_ITEMS].next_command or "").startswith(
        "millracer fleet retry "
    )
    assert aside[FleetCheckName.HOSTS].level is _OK

    _execute(database, "update dbos.workflow_status set status = 'SUCCESS'")
    _execute(database, "update fleet.items set claimed_at = clock_timestamp() - interval '1 h'")
    assert _levels(database)[FleetCheckName.STUCK_ITEMS] is _WARNING

    _execute(database, "update fleet.hosts set seen_at = seen_at - interval '1 h'")
    assert _levels(database)[FleetCheckName.HOSTS] is _WARNING


def test_too_few_connections_for_the_hosts_are_a_warning(database: FleetPlace) -> None:
    _execute(
        database,
        "insert into fleet.hosts (host, role) select 'h' || n, 'r' from generate_series(1, 30) n",
    )

    assert _levels(database)[FleetCheckName.CONNECTIONS] is _WARNING
