from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetNotConfigured
from millracer.fleet.urls import check_url, shown_url, tuned_url, with_user


def test_every_connection_has_time_limits_and_the_password_file() -> None:
    place = FleetPlace(url="postgresql://me@db:5433/fleet", passfile="/home/me/a b.pass")

    for values in (conninfo_to_dict(tuned_url(place)), make_url(tuned_url(place)).query):
        assert values["connect_timeout"] == "5"
        assert values["tcp_user_timeout"] == "10000"
        assert values["keepalives_idle"] == "5"
        assert values["passfile"] == "/home/me/a b.pass"


def test_the_urls_own_settings_win() -> None:
    place = FleetPlace(
        url="postgresql://me@db/fleet?connect_timeout=60&sslmode=verify-full", passfile="/p"
    )

    values = conninfo_to_dict(tuned_url(place))

    assert (values["connect_timeout"], values["sslmode"]) == ("60", "verify-full")


def test_a_server_and_its_replicas_are_read_alike_by_libpq_and_the_engine() -> None:
    url = "postgresql://me@db,other:5433,[::1]:5434/fleet?target_session_attrs=read-write"

    tuned = tuned_url(FleetPlace(url=check_url(url)))

    for values in (conninfo_to_dict(tuned), make_url(tuned).query):
        assert values["host"] == "db,other,::1"
        assert values["port"] == "5432,5433,5434"
        assert values["target_session_attrs"] == "read-write"
    assert conninfo_to_dict(tuned)["user"] == make_url(tuned).username == "me"
    assert conninfo_to_dict(tuned)["dbname"] == make_url(tuned).database == "fleet"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db/fleet",
        "postgresql://me@db/fleet?password=secret",
        "postgresql://me:secret@db:port/fleet",
        "mysql://me:secret@db/fleet",
        "me:secret",
        "postgresql://[me:secret@db/fleet",
        "postgresql://me:secret@db:1,other:port/fleet",
        "",
    ],
)
def test_a_url_with_a_password_or_of_another_database_is_refused(url: str) -> None:
    with pytest.raises(FleetNotConfigured) as caught:
        check_url(url)

    assert "secret" not in str(caught.value)


def test_a_shown_url_has_neither_password_nor_settings() -> None:
    assert shown_url("postgresql://me:secret@db:1/fleet?password=secret") == (
        "postgresql://me@db:1/fleet"
    )


def test_another_user_keeps_the_rest_of_the_url() -> None:
    url = "postgresql://me@db:1/fleet?sslmode=require"

    assert with_user(url, "fleet_host_a") == (
        "postgresql://fleet_host_a@db:1/fleet?sslmode=require"
    )
