"""URLs of the fleet's database: with time limits, and without passwords where they are shown."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetNotConfigured

#: Without these a connection on which nothing arrives is kept for the kernel's own limits.
_TUNING: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_DEFAULT_PORT: Final = 5432
_SCHEMES: Final = frozenset({"postgresql", "postgres"})


def check_url(url: str) -> str:
    """Return a URL that the fleet can use.

    Raises:
        FleetNotConfigured: it is not a PostgreSQL URL, or holds a password.
    """
    try:
        parts = urlsplit(url)
        servers_of(url)
        has_password = parts.password is not None or "password" in dict(parse_qsl(parts.query))
    except ValueError:
        parts, has_password = urlsplit(""), False
    if parts.scheme not in _SCHEMES:
        raise FleetNotConfigured(
            "the URL is not that of a PostgreSQL database",
            suggested_action="write postgresql://USER@HOST:PORT/DATABASE, or HOST:PORT,HOST:PORT "
            "for a server and its replicas",
        )
    if has_password:
        raise FleetNotConfigured(
            "the URL of the database holds a password, which other users of this machine can read "
            "in the list of processes",
            suggested_action="put it into a private file and name that with --passfile, or into "
            "~/.pgpass",
        )
    return url


def tuned_url(place: FleetPlace) -> str:
    """Return the URL with time limits and the password file; for libpq and SQLAlchemy alike.

    Several servers become the parameters `host` and `port`: SQLAlchemy does not read them from
    the address, as libpq does.
    """
    parts = urlsplit(place.url)
    query = {**_TUNING, **dict(parse_qsl(parts.query))}
    if place.passfile is not None:
        query.setdefault("passfile", place.passfile)
    servers = servers_of(place.url)
    if len(servers) > 1:
        query["host"] = ",".join(host for host, _port in servers)
        query["port"] = ",".join(str(port) for _host, port in servers)
        user, at, _where = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user}{at}")
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def servers_of(url: str) -> tuple[tuple[str, int], ...]:
    """Return host and port of each server that the address of a URL names, as libpq reads it.

    A host that is not named is empty.

    Raises:
        ValueError: a port is not a number.
    """
    where = urlsplit(url).netloc.rpartition("@")[2]
    return tuple(_server_of(each) for each in where.split(","))


def _server_of(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or _DEFAULT_PORT


def shown_url(url: str) -> str:
    """Return a URL without its password and query."""
    try:
        parts = urlsplit(url)
        user = "" if parts.username is None else f"{parts.username}@"
        where = (parts.netloc.rpartition("@")[2]) or ""
    except ValueError:
        return "(unreadable)"
    return urlunsplit((parts.scheme, f"{user}{where}", parts.path, "", ""))


def with_user(url: str, user: str) -> str:
    """Return the URL for another user."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}@{where}"))
