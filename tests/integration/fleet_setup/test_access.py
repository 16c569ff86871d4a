"""`fleet grant` and `fleet join`: a role for another machine, whose file works once."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest

from millracer.domain.fleet.hosts import HostSession
from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetDenied
from millracer.fleet.place import read_place, write_place
from millracer.fleet.store import PostgresFleet
from millracer.schemas.names import SchemaName
from tests.integration.fleet_setup.conftest import FleetCommand
from tests.support.ops_world import assert_published
from tests.support.postgres import connected


@pytest.fixture
def owner(config: Path, database: FleetPlace) -> FleetPlace:
    """The place of the fleet's owner, whose file is written."""
    return write_place(config / "fleet.toml", database)


def _host_session(store: PostgresFleet, host: str) -> str:
    return store.open(
        HostSession(
            host=host,
            session="00000000-0000-0000-0000-000000000001",
            machine="m",
            boot="b",
            pid=1,
            version="1",
            slots=1,
        )
    )


def test_a_host_joins_with_a_file_that_works_once(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    granted = fleet("grant", "host", "ci-2")
    file = tmp_path / "ci-2.join"
    copy = file.read_text()
    there = tmp_path / "there"

    joined = fleet("join", str(file), folder=there)

    assert granted.code == joined.code == 0, granted.stderr + joined.stderr
    assert_published(SchemaName.FLEET_SETUP_RESULT, granted.document)
    assert granted.document["join_file"] == str(file)
    assert granted.document["role"] == joined.document["role"] == "fleet_host_ci-2"
    assert json.loads(copy)["password"] not in json.dumps(granted.document)
    assert not file.exists()
    place = read_place(None, {"MILLRACER_CONFIG_DIR": str(there)})
    assert place.host == "ci-2"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in there.iterdir()]
    assert modes == [0o600] * 2
    with closing(PostgresFleet(place)) as store:
        assert _host_session(store, "ci-2") == "open"
    file.write_text(copy)
    elsewhere = fleet("join", str(file), folder=tmp_path / "elsewhere")
    assert (elsewhere.code, elsewhere.error) == (8, "fleet_denied")
    assert list((tmp_path / "elsewhere").glob("*first*")) == []
    again = fleet("join", str(file), folder=there)
    assert again.code == 0  # this user has joined already


def test_a_host_joins_with_a_url_of_several_servers(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    url = owner.url.replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:")
    there = tmp_path / "there"
    granted = fleet("grant", "host", "servers", "--url", url)

    joined = fleet("join", str(tmp_path / "servers.join"), folder=there)

    assert granted.code == joined.code == 0, granted.stderr + joined.stderr
    with closing(PostgresFleet(read_place(None, {"MILLRACER_CONFIG_DIR": str(there)}))) as store:
        assert _host_session(store, "servers") == "open"


def test_the_join_file_is_private_and_its_password_is_in_no_log(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    file = tmp_path / "sub" / "joe.join"
    file.parent.mkdir()
    assert fleet("grant", "submitter", "joe", "--file", str(file)).code == 0

    content = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with connected(owner) as connection:
        row = connection.execute(
            "select rolpassword from pg_authid where rolname = 'fleet_submitter_joe'"
        ).fetchone()
    assert row is not None
    assert str(row[0]).startswith("SCRAM-SHA-256$")
    assert content["password"] not in str(row[0])


def test_a_granted_name_is_reserved_for_its_role(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    for name in ("ci-3", "ci-4"):
        assert fleet("grant", "host", name).code == 0
        assert fleet("join", f"{name}.join", folder=tmp_path / name).code == 0
    place = read_place(None, {"MILLRACER_CONFIG_DIR": str(tmp_path / "ci-4")})

    with closing(PostgresFleet(place)) as store:
        assert _host_session(store, "ci-3") == "other_role"
        hosts = {each.host: (each.role, each.away) for each in store.list_hosts()}
    assert hosts["ci-3"] == ("fleet_host_ci-3", True)


def test_a_revoked_role_is_gone_with_its_connections(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    fleet("grant", "host", "ci-5")
    fleet("join", "ci-5.join", folder=tmp_path / "there")
    place = read_place(None, {"MILLRACER_CONFIG_DIR": str(tmp_path / "there")})
    with closing(PostgresFleet(place)) as store:
        store.now()

        revoked = fleet("grant", "host", "ci-5", "--revoke")

        assert (revoked.code, revoked.document["join_file"]) == (0, None)
        with pytest.raises(FleetDenied):
            store.now()
    unknown = fleet("grant", "host", "ci-5", "--revoke")
    assert (unknown.code, unknown.error) == (2, "invalid_request")


def test_a_second_grant_makes_the_first_file_useless(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    fleet("grant", "host", "ci-6", "--file", str(first))
    fleet("grant", "host", "ci-6", "--file", str(second))

    assert fleet("join", str(first), folder=tmp_path / "there").error == "fleet_denied"
    assert fleet("join", str(second), folder=tmp_path / "there").code == 0


def test_a_join_that_was_killed_after_the_change_is_finished_by_the_next(
    fleet: FleetCommand, owner: FleetPlace, tmp_path: Path
) -> None:
    fleet("grant", "submitter", "sam")
    file, there = tmp_path / "sam.join", tmp_path / "there"
    copy = file.read_text()
    assert fleet("join", str(file), folder=there).code == 0
    file.write_text(copy)
    (there / "fleet.pass").rename(there / "fleet.pass-new")
    (there / "fleet.toml").unlink()

    assert fleet("join", str(file), folder=there).code == 0

    assert fleet("doctor", folder=there).document["ok"]


def test_only_an_owner_grants(fleet: FleetCommand, owner: FleetPlace, tmp_path: Path) -> None:
    fleet("grant", "host", "ci-7")
    there = tmp_path / "there"
    fleet("join", "ci-7.join", folder=there)

    ran = fleet("grant", "host", "ci-8", folder=there)

    assert (ran.code, ran.error) == (8, "fleet_denied")
    assert not (tmp_path / "ci-8.join").exists()


@pytest.mark.parametrize("name", ["", "a b", "x" * 41, "-a", 'a"b', "a/b"])
def test_a_name_is_of_plain_characters(fleet: FleetCommand, owner: FleetPlace, name: str) -> None:
    assert fleet("grant", "host", "--", name).code == 2


@pytest.mark.parametrize("content", [None, "{}", "[]", "no json", '{"format": 1}'])
def test_another_file_is_refused(fleet: FleetCommand, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "x.join").write_text(content)

    ran = fleet("join", "x.join")

    assert (ran.code, ran.error) == (2, "fleet_not_configured")


def test_a_user_of_another_fleet_must_name_this_one(
    fleet: FleetCommand, owner: FleetPlace, config: Path
) -> None:
    fleet("grant", "submitter", "kim")

    ran = fleet("join", "kim.join")

    assert (ran.code, ran.error) == (2, "usage")
    assert fleet("join", "kim.join", "--fleet", "work").code == 0
    assert fleet("doctor", "--fleet", "work").document["ok"]
    assert fleet("doctor", "--fleet", str(config / "fleet-work.toml")).document["ok"]
