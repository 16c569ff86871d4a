"""Access for more hosts and for submitters: login roles, join files, and joining."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from millracer.domain.fleet.setup import FleetGrant, FleetPlace, FleetRole
from millracer.errors import FleetDenied, FleetError, FleetNotConfigured, InvalidRequest, UsageError
from millracer.fleet.connection import Connection, connected, explain, open_connection
from millracer.fleet.engine_schema import SUBMIT_GROUP, WORKER_GROUP
from millracer.fleet.place import place_file, read_place, write_place
from millracer.fleet.urls import check_url, servers_of, shown_url, with_user
from millracer.system.files import read_regular, write_atomically
from millracer.system.user_folders import make_private_folder

_GROUPS: Final[Mapping[FleetRole, str]] = {
    FleetRole.HOST: WORKER_GROUP,
    FleetRole.SUBMITTER: SUBMIT_GROUP,
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_FORMAT: Final = "millracer.fleet.join.v1"
_KEYS: Final = frozenset({"url", "password", "kind", "name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Invitation:
    """The content of a join file."""

    url: str
    password: str
    kind: FleetRole
    name: str


def role_of(kind: FleetRole, name: str) -> str:
    """Return the name of a login role.

    Raises:
        InvalidRequest: the name has other characters than letters, digits, `.`, `_` and `-`.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            f"not a name for a {kind}: {name}",
            field="name",
            suggested_action="use at most 40 letters, digits, dots, underscores and hyphens",
        )
    return f"fleet_{kind}_{name}"


def grant(place: FleetPlace, kind: FleetRole, name: str, file: Path, url: str | None) -> FleetGrant:
    """Make a login role, or give it a new password, and write its join file, mode 0600.

    A host's name is reserved for its role.

    Args:
        place: the fleet, with the role of its owner.
        kind: what the role may do.
        name: the host's or the submitter's name.
        file: the join file, which is replaced.
        url: the address of the database as the other machine reaches it; None: that of `place`.

    Raises:
        FleetDenied: the role of `place` may not make roles.
        FleetUnreachable: the database does not answer.
    """
    role, password = role_of(kind, name), secrets.token_hex(24)
    target = with_user(check_url(url) if url is not None else place.url, role)
    invitation = {
        "format": _FORMAT,
        "url": target,
        "kind": str(kind),
        "name": name,
        "password": password,
    }
    with connected(place) as connection, connection.transaction():
        _make_login(connection, role, password)
        group = sql.Identifier(_GROUPS[kind])
        connection.execute(sql.SQL("grant {} to {}").format(group, sql.Identifier(role)))
        if kind is FleetRole.HOST:
            connection.execute(
                "insert into fleet.hosts (host, role) values (%(name)s, %(role)s) "
                "on conflict (host) do update set role = %(role)s",
                {"name": name, "role": role},
            )
        write_atomically(file, json.dumps(invitation, indent=2) + "\n")
    return FleetGrant(role=role, kind=kind, join_file=str(file), url=target)


def revoke(place: FleetPlace, kind: FleetRole, name: str) -> FleetGrant:
    """Remove a login role and end its connections. Its workspaces and items stay.

    Raises:
        FleetDenied: the role of `place` may not remove roles.
        FleetUnreachable: the database does not answer.
        InvalidRequest: there is no such role.
    """
    role = role_of(kind, name)
    with connected(place) as connection:
        if not _exists(connection, role):
            raise InvalidRequest(
                f"there is no role {role}",
                field="name",
                suggested_action="`millracer fleet hosts` lists the hosts with their roles",
            )
        connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(role)))
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (role,)
        )
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
    return FleetGrant(role=role, kind=kind, join_file=None)


def join(named: str | None, file: Path, environment: Mapping[str, str]) -> tuple[FleetPlace, str]:
    """Log in with a join file, replace its password, store both and delete the file.

    The file is useless afterwards. A repeated call with the same file continues.

    Returns:
        The place, and the login role.

    Raises:
        FleetNotConfigured: the file cannot be read.
        UsageError: this user has another fleet already.
        FleetUnreachable: the database does not answer, or refuses the password.
    """
    invitation = _read(file)
    target = place_file(named, environment)
    passfile = target.with_suffix(".pass")
    place = FleetPlace(
        url=invitation.url,
        passfile=str(passfile),
        host=invitation.name if invitation.kind is FleetRole.HOST else None,
        source=str(target),
    )
    _refuse_other(target, named, place, environment)
    make_private_folder(target.parent)
    pending = passfile.with_suffix(".pass-new")
    if not _resume(place, pending, passfile):
        password = secrets.token_hex(24)
        write_atomically(pending, _pass_lines(invitation.url, password))
        first = passfile.with_suffix(".pass-first")
        write_atomically(first, _pass_lines(invitation.url, invitation.password))
        try:
            with connected(replace(place, passfile=str(first))) as connection:
                _set_password(connection, _user_of(invitation.url), password)
        finally:
            first.unlink(missing_ok=True)
        pending.replace(passfile)
    stored = write_place(target, place)
    file.unlink(missing_ok=True)
    return stored, _user_of(invitation.url)


def _resume(place: FleetPlace, pending: Path, passfile: Path) -> bool:
    """Return whether an earlier call replaced the password already; store it then."""
    for candidate in (pending, passfile):
        if candidate.exists() and _can_log_in(replace(place, passfile=str(candidate))):
            candidate.replace(passfile)
            return True
    return False


def _can_log_in(place: FleetPlace) -> bool:
    try:
        with open_connection(place):
            return True
    except psycopg.Error as error:
        explained = explain(error, place)
        if isinstance(explained, FleetDenied):
            return False
        raise explained from error


def _refuse_other(
    target: Path, named: str | None, place: FleetPlace, environment: Mapping[str, str]
) -> None:
    if not target.exists():
        return
    try:
        former = read_place(named, environment)
    except FleetError:
        return
    if shown_url(former.url) != shown_url(place.url):
        raise UsageError(
            f"{target} is the file of another fleet, {shown_url(former.url)}",
            suggested_action="give this one a name with --fleet NAME, or remove that file",
        )


def _read(file: Path) -> _Invitation:
    try:
        content = json.loads(read_regular(file))
        return _parse(content if isinstance(content, dict) else {})
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise FleetNotConfigured(
            f"{file} cannot be used: {why}",
            suggested_action="use the file that `millracer fleet grant` wrote; each file works "
            "once, and a second `fleet grant` makes a new one",
        ) from error


def _parse(content: Mapping[str, object]) -> _Invitation:
    texts = {key: value for key, value in content.items() if isinstance(value, str)}
    if texts.pop("format", None) != _FORMAT or set(texts) != _KEYS:
        raise ValueError("it is not a join file")
    return _Invitation(
        url=check_url(texts["url"]),
        password=texts["password"],
        kind=FleetRole(texts["kind"]),
        name=texts["name"],
    )


def _make_login(connection: Connection, role: str, password: str) -> None:
    if not _exists(connection, role):
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
    connection.execute(sql.SQL("alter role {} login").format(sql.Identifier(role)))
    _set_password(connection, role, password)


def _set_password(connection: Connection, role: str, password: str) -> None:
    """Set a password as its hash, so that no log of the server has the password."""
    hashed = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(hashed))
    )


def _exists(connection: Connection, role: str) -> bool:
    found = connection.execute("select 1 as it from pg_roles where rolname = %s", (role,))
    return found.fetchone() is not None


def _user_of(url: str) -> str:
    return urlsplit(url).username or ""


def _pass_lines(url: str, password: str) -> str:
    """Return the lines of a password file, one for each server of the URL."""
    return "".join(
        f"{_escaped(host or '*')}:{port}:*:{_user_of(url)}:{password}\n"
        for host, port in servers_of(url)
    )


def _escaped(host: str) -> str:
    return host.replace("\\", "\\\\").replace(":", "\\:")
