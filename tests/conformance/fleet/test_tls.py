"""A database that accepts encrypted connections alone, whose certificate the clients verify."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millracer.domain.doctor_report import CheckLevel
from millracer.domain.fleet.items import FleetSchedule
from millracer.domain.fleet.setup import FleetCheckName, FleetPlace
from millracer.errors import FleetDenied, FleetUnreachable
from millracer.fleet import checks
from millracer.fleet.provision import prepare_database
from millracer.fleet.store import PostgresFleet
from tests.support.postgres import PostgresServer, connected, private_server

_HBA = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


def _make_certificate(folder: Path, name: str, *, signed_by: str | None = None) -> None:
    """Make NAME.key and NAME.crt: an authority, or the server's certificate signed by one."""
    common = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    words = [*common, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
    if signed_by is not None:
        words += ["-CA", f"{signed_by}.crt", "-CAkey", f"{signed_by}.key"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for authority in ("trusted", "foreign"):
        _make_certificate(folder, authority)
    _make_certificate(folder, "server", signed_by="trusted")
    return folder


@pytest.fixture(scope="module")
def server(certificates: Path) -> Iterator[PostgresServer]:
    with private_server() as server:
        data = server.folder / "data"
        owner = data.stat()
        for name in ("server.key", "server.crt"):
            target = data / name
            target.write_bytes((certificates / name).read_bytes())
            target.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(target, owner.st_uid, owner.st_gid)
        with connected(FleetPlace(url=server.url, passfile=str(server.passfile))) as connection:
            connection.execute("alter system set ssl = on")
            (data / "pg_hba.conf").write_text(_HBA)
        server.stop()
        server.start()
        yield server


def _place(server: PostgresServer, settings: str) -> FleetPlace:
    return FleetPlace(url=f"{server.url}?{settings}", passfile=str(server.passfile))


def _verified(server: PostgresServer, certificates: Path, authority: str) -> FleetPlace:
    return _place(server, f"sslmode=verify-full&sslrootcert={certificates / f'{authority}.crt'}")


def _tls_level(place: FleetPlace) -> CheckLevel:
    (found,) = (each for each in checks.check(place) if each.name is FleetCheckName.TLS)
    return found.finding.level


def test_the_fleet_works_over_a_verified_connection(
    server: PostgresServer, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LOOPBACK", frozenset())
    place = _verified(server, certificates, "trusted")

    assert prepare_database(place).created
    with closing(PostgresFleet(place)) as store:
        assert store.list_hosts() == ()
        assert store.put_schedule(FleetSchedule(name="n", workspace_id="w", cron="* * * * *"))
    assert _tls_level(place) is CheckLevel.OK
    assert _tls_level(_place(server, "sslmode=require")) is CheckLevel.WARNING


def test_an_unencrypted_connection_is_refused(server: PostgresServer) -> None:
    place = _place(server, "sslmode=disable")

    with closing(PostgresFleet(place)) as store, pytest.raises(FleetDenied):
        store.now()


def test_the_certificate_of_a_foreign_authority_is_refused(
    server: PostgresServer, certificates: Path
) -> None:
    place = _verified(server, certificates, "foreign")

    with closing(PostgresFleet(place)) as store, pytest.raises(FleetUnreachable):
        store.now()
