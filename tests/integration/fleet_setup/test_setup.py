"""`fleet up` and `fleet down`, with a private server and with an existing one."""

from __future__ import annotations

import json
import pwd
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from millracer.domain.fleet.items import ItemFilter
from millracer.errors import FleetOutdated, FleetSetupFailed
from millracer.fleet import local_server, migrations
from millracer.fleet.place import read_place
from millracer.fleet.provision import prepare_database
from millracer.fleet.store import PostgresFleet
from millracer.schemas.names import SchemaName
from tests.integration.fleet_setup.conftest import FleetCommand
from tests.support.ops_world import assert_published
from tests.support.postgres import PostgresServer, connected, new_fleet_database


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_command_makes_a_private_fleet_and_can_be_repeated(
    fleet: FleetCommand, config: Path, data: Path
) -> None:
    first = fleet("up", "--local")

    assert first.code == 0, first.stderr
    assert_published(SchemaName.FLEET_SETUP_RESULT, first.document)
    assert first.document["started"]
    assert first.document["schema_number"] == len(migrations.find_migrations())
    assert (_mode(config / "fleet.toml"), _mode(config / "fleet.pass")) == (0o600, 0o600)
    password = (config / "fleet.pass").read_text().strip().rpartition(":")[2]
    assert password not in (config / "fleet.toml").read_text() + json.dumps(first.document)
    place = read_place(None, {"MILLRACER_CONFIG_DIR": str(config)})
    with closing(PostgresFleet(place)) as store:
        assert store.list_items(ItemFilter()).total == 0

    again = fleet("up", "--local")
    plain = fleet("up")
    assert (again.code, again.document["steps"], again.document["started"]) == (0, [], False)
    assert (plain.code, plain.document["steps"]) == (0, [])

    down = fleet("down", "--wait")
    assert (down.code, down.document["stopped"]) == (0, True)
    assert fleet("down", "--wait").document["stopped"] is False
    assert fleet("doctor").code == 8
    once_more = fleet("up")
    assert once_more.document["started"]
    assert once_more.document["url"] == first.document["url"]  # the port is kept
    assert fleet("doctor").document["ok"]
    moved = fleet("up", "--local", "--port", "1")
    assert (moved.code, moved.error) == (2, "usage")


def test_a_lost_password_is_not_replaced(fleet: FleetCommand, config: Path) -> None:
    assert fleet("up", "--local").code == 0
    assert fleet("down").code == 0
    (config / "fleet.pass").unlink()

    ran = fleet("up", "--local")

    assert (ran.code, ran.error) == (2, "usage")


def test_a_killed_first_start_does_not_prevent_the_next(fleet: FleetCommand, data: Path) -> None:
    for leftover in ("data.new", "initial"):
        (data / "fleet" / leftover).mkdir(parents=True)
        (data / "fleet" / leftover / "PG_VERSION").write_text("1")

    assert fleet("up", "--local").code == 0


def test_an_existing_database_is_made_and_updated(
    fleet: FleetCommand, config: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url_of("made_by_up")
    words = ("up", "--url", url, "--passfile", str(postgres_server.passfile))

    first, again = fleet(*words), fleet(*words)

    assert first.code == 0, first.stderr
    assert (first.document["url"], first.document["data_folder"]) == (url, None)
    assert len(first.document["steps"]) > len(migrations.find_migrations())
    assert (again.code, again.document["steps"]) == (0, [])
    assert fleet("doctor").document["ok"]
    restored = fleet("up", "--after-restore")
    assert "dispatched 0 items" in restored.document["steps"][0]
    stopped = fleet("down")
    assert (stopped.code, stopped.error) == (2, "usage")
    other = fleet("up", "--local")
    assert (other.code, other.error) == (2, "usage")
    assert fleet("up", "--local", "--fleet", "second").code == 0
    assert (config / "fleet-second.toml").exists()
    assert fleet("up", "--local", "--fleet", "third").code == 0  # each has a folder of its own
    for name in ("second", "third"):
        assert fleet("down", "--fleet", name).document["stopped"]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("up",), 2, "fleet_not_configured"),
        (("doctor",), 2, "fleet_not_configured"),
        (("down",), 2, "fleet_not_configured"),
        (("up", "--url", "postgresql://me:secret@db/fleet"), 2, "fleet_not_configured"),
        (("up", "--url", "postgresql://me@db/fleet?password=secret"), 2, "fleet_not_configured"),
        (("up", "--url", "mysql://me@db/fleet"), 2, "fleet_not_configured"),
        (("up", "--url", "postgresql://me@127.0.0.1:1/fleet"), 8, "fleet_unreachable"),
        (("up", "--local", "--url", "postgresql://me@db/fleet"), 2, "usage"),
        (("up", "--port", "5"), 2, "usage"),
        (("up", "--passfile", "x"), 2, "usage"),
        (("no-such-command",), 2, "usage"),
    ],
)
def test_wrong_use_prints_one_document_without_a_password(
    fleet: FleetCommand, arguments: tuple[str, ...], code: int, error: str
) -> None:
    ran = fleet(*arguments)

    assert (ran.code, ran.error) == (code, error)
    assert "secret" not in ran.stderr + json.dumps(ran.document)


def test_the_doctors_failures_have_the_doctors_document(fleet: FleetCommand) -> None:
    ran = fleet("doctor")

    assert_published(SchemaName.FLEET_DOCTOR_RESULT, ran.document)
    assert not ran.document["ok"]


@pytest.mark.parametrize("content", ["url = 5", "no toml at all", 'host = "a"', 'url = "x"\nb = 1'])
def test_an_invalid_file_is_named(fleet: FleetCommand, config: Path, content: str) -> None:
    config.mkdir()
    (config / "fleet.toml").write_text(content)

    ran = fleet("doctor")

    assert (ran.code, ran.error) == (2, "fleet_not_configured")
    assert str(config / "fleet.toml") in ran.stderr


def test_without_the_extra_the_one_command_that_adds_it_is_named(tmp_path: Path) -> None:
    hide = tmp_path / "hide.py"
    hide.write_text(
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: "
        "None if name == 'psycopg' else find(name, *rest)\n"
        "sys.argv = ['millracer', 'fleet', 'up', '--local', '--json']\n"
        "from millracer.cli.main import main\n"
        "main()\n"
    )

    ran = subprocess.run(
        (sys.executable, str(hide)), cwd=tmp_path, capture_output=True, timeout=60, check=False
    )

    error = json.loads(ran.stdout)["errors"][0]
    assert (ran.returncode, error["code"]) == (8, "fleet_not_installed")
    assert error["suggested_action"] == "pip install 'millracer[fleet]'"


# -- schemas --------------------------------------------------------------------------------------


def test_the_scripts_say_what_they_are_for() -> None:
    for script in migrations.find_migrations():
        assert script.sql.startswith("-- ")
        assert script.name in {
            path.name for path in (Path(__file__).parents[3] / "migrations/fleet").iterdir()
        }


def test_a_newer_schema_is_refused_and_not_touched(postgres_server: PostgresServer) -> None:
    place = new_fleet_database(postgres_server, "newer")
    with connected(place) as connection:
        connection.execute("insert into fleet.version (number, name) values (9999, 'later')")

    with pytest.raises(FleetOutdated):
        prepare_database(place)

    with connected(place) as connection:
        connection.execute("delete from fleet.version where number = 9999")
        connection.execute("update dbos.dbos_migrations set version = 9999")
    with pytest.raises(FleetOutdated):
        prepare_database(place)


def test_public_may_call_no_function_of_the_fleet(postgres_server: PostgresServer) -> None:
    place = new_fleet_database(postgres_server, "public_rights")
    with connected(place) as connection:
        open_to_all = connection.execute(
            "select proname from pg_proc where pronamespace = 'fleet'::regnamespace "
            "and has_function_privilege('public', oid, 'execute')"
        ).fetchall()
        definers = connection.execute(
            "select proname, proconfig from pg_proc where pronamespace = 'fleet'::regnamespace "
            "and prosecdef"
        ).fetchall()

    assert open_to_all == []
    assert len(definers) > 10
    assert {tuple(config or ()) for _, config in definers} == {("search_path=pg_catalog, pg_temp",)}


# -- the private server ---------------------------------------------------------------------------


def test_a_folder_that_the_servers_user_cannot_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    other = pwd.struct_passwd(("other", "x", 4711, 4711, "", "/", "/bin/sh"))

    with pytest.raises(FleetSetupFailed) as caught:
        local_server._refuse_closed(tmp_path, other)

    assert "MILLRACER_FLEET_DATA_DIR" in (caught.value.suggested_action or "")


def test_without_postgresql_the_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local_server, "_DEBIAN", tmp_path)
    monkeypatch.setattr(local_server, "_WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(FleetSetupFailed) as caught:
        local_server.find_programs(None)

    assert "apt-get install postgresql" in (caught.value.suggested_action or "")


def test_data_of_another_version_are_not_opened(tmp_path: Path) -> None:
    with pytest.raises(FleetSetupFailed, match="PostgreSQL 9, "):
        local_server.find_programs(9)


def test_a_port_in_use_is_reported(fleet: FleetCommand, postgres_server: PostgresServer) -> None:
    port = str(urlsplit(postgres_server.url).port)

    ran = fleet("up", "--local", "--port", port)

    assert (ran.code, ran.error) == (8, "fleet_setup_failed")
