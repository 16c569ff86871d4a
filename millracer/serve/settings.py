"""The requested settings of `millracer serve` and their checks; it needs no server library."""

from __future__ import annotations

import ipaddress
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from millracer.errors import UsageError

_TOKEN_BYTES = 32
_LEAST_TOKEN_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The requested server.

    Attributes:
        workspaces: the workspaces that the command line names, absolute.
        host: the address to listen on.
        port: 0 for any free one.
        read_only: change nothing.
        socket: the path of a socket to listen on instead.
        allow_remote: whether the address may be reachable from other machines.
        allowed_hosts: further values of the header `Host`.
        token_file: the file with the token; None: a new token.
        fleet: the name or file of the fleet; None: the default one.
    """

    workspaces: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    read_only: bool = False
    socket: Path | None = None
    allow_remote: bool = False
    allowed_hosts: tuple[str, ...] = ()
    token_file: Path | None = None
    fleet: str | None = None

    def check(self) -> None:
        """Refuse settings that would serve other machines by accident.

        Raises:
            UsageError: they contradict each other.
        """
        if not is_loopback(self.host) and not self.allow_remote:
            raise UsageError(
                f"{self.host} is not an address of this machine alone: others could reach it",
                suggested_action="use 127.0.0.1 and an SSH tunnel, or add --allow-remote with "
                "--allowed-host and --token-file",
            )
        if self.allow_remote and not (self.allowed_hosts and self.token_file):
            raise UsageError(
                "--allow-remote needs --allowed-host and --token-file",
                suggested_action="add both; the server has no TLS, which a proxy must add",
            )
        if self.allowed_hosts and not self.allow_remote:
            raise UsageError(
                "--allowed-host needs --allow-remote",
                suggested_action="add --allow-remote, or leave --allowed-host out",
            )
        if self.socket is not None and self.port:
            raise UsageError(
                "--socket and --port exclude each other",
                suggested_action="give one of them",
            )

    def token(self) -> str:
        """Return the token of the file, or a new one.

        Raises:
            UsageError: the file cannot be used.
        """
        if self.token_file is None:
            return secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            mode = self.token_file.stat().st_mode
            text = self.token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the token file {self.token_file} cannot be read: {error}",
                suggested_action="write a random text into it, such as of `openssl rand -hex 32`",
            ) from error
        if stat.S_IMODE(mode) & 0o077:
            raise UsageError(
                f"other users can read the token file {self.token_file}",
                suggested_action=f"chmod 600 {self.token_file}",
            )
        if len(text) < _LEAST_TOKEN_CHARACTERS or not text.isprintable() or " " in text:
            raise UsageError(
                f"the token in {self.token_file} is shorter than {_LEAST_TOKEN_CHARACTERS} "
                "characters, or has blanks",
                suggested_action="write a random text into it, such as of `openssl rand -hex 32`",
            )
        return text


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
