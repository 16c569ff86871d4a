"""Notifications at the end of an attempt, as the user's configuration file defines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from millracer.domain.run.outcome import Outcome

#: The key of the tables in the user's configuration file.
NOTIFY_KEY = "notify"
_SECRET_KEY = "secret_env"  # noqa: S105 - the name of a key


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTarget:
    """One receiver of notifications: a command or a URL.

    Attributes:
        outcomes: the outcomes that it receives.
        command: the argv to start; empty for a URL.
        url: the address of the POST request; None for a command.
        secret_variable: the environment variable with the secret: it signs the request, or the
            command receives it.
    """

    outcomes: frozenset[Outcome]
    command: tuple[str, ...] = ()
    url: str | None = None
    secret_variable: str | None = None

    @property
    def label(self) -> str:
        """The receiver for people; a URL's path and query are left out, as they may be secret."""
        if self.url is None:
            return self.command[0]
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def url_problem(url: str) -> str | None:
    """Return why a URL cannot receive notifications; None if it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not url.isascii() or any(not each.isprintable() or each == " " for each in url):
        return "it should be an address such as https://example.com/hook"
    if parts.username is not None or parts.password is not None:
        return "it should not contain a user or a password"
    if parts.scheme == "https" or is_loopback_http(parts):
        return None
    return "it should begin with https://; http:// is for this machine only, such as 127.0.0.1"


def is_loopback_http(parts: SplitResult) -> bool:
    """Return whether a URL is unencrypted and stays on this machine."""
    if parts.scheme != "http" or parts.hostname is None:
        return False
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def secret_variables(config: Mapping[str, object]) -> frozenset[str]:
    """Return the names of the variables with notification secrets.

    Args:
        config: the keys and values of the user's configuration file, unchecked.
    """
    tables = config.get(NOTIFY_KEY)
    if not isinstance(tables, list):
        return frozenset()
    names = (each.get(_SECRET_KEY) for each in tables if isinstance(each, dict))
    return frozenset(name for name in names if isinstance(name, str))
