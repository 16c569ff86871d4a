"""The private log of setup's installers, and the search for the line that explains a failure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from millracer.errors import SetupFailed
from millracer.redaction.process import redact
from millracer.system.user_folders import make_private_folder, state_folder

_FILE_NAME = "setup.log"
_LONGEST_LINE = 400
_ERROR_LINE = re.compile(r"^\s*(error|npm err|npm error|fatal)\b[:! ]", re.IGNORECASE)
_UNINFORMATIVE = re.compile(r"complete log of this run|npm error\s*$|npm error code|_logs/")


@dataclass(frozen=True, slots=True)
class Remedy:
    """The next step for an installer's error line that matches a pattern."""

    pattern: re.Pattern[str]
    action: str


REMEDIES = (
    Remedy(
        re.compile(r"no space left|ENOSPC|errno 28|disk quota|EDQUOT", re.IGNORECASE),
        "free disk space",
    ),
    Remedy(
        re.compile(r"ensurepip is not|No module named '?(venv|ensurepip)", re.IGNORECASE),
        "install this Python's venv module (Debian and Ubuntu: `apt install python3-venv`)",
    ),
    Remedy(
        re.compile(r"certificate|SELF_SIGNED|UNABLE_TO_VERIFY|SSLError", re.IGNORECASE),
        "configure your network's certificates for pip and npm (PIP_CERT, NODE_EXTRA_CA_CERTS)",
    ),
    Remedy(
        re.compile(
            r"name resolution|NewConnectionError|ConnectTimeout|ConnectionError|ProxyError|"
            r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|unreachable|"
            r"network request|Max retries|timed out",
            re.IGNORECASE,
        ),
        "check that the network, or the mirror or proxy configured for pip and npm, can be reached",
    ),
    Remedy(
        re.compile(r"from versions: |No matching distribution"),
        "check that the package index configured for pip is usable, and has this version for this "
        "Python and machine",
    ),
    Remedy(
        re.compile(r"EACCES|EPERM|permission denied|errno 13|EROFS|read-only", re.IGNORECASE),
        "make the tools folder writable, or name another in MILLRACER_DATA_DIR",
    ),
)
_DEFAULT_ACTION = "read the log"


class SetupLog:
    """The log of one setup; replaces the last one, and only the user can read it.

    Raises:
        SetupFailed: it cannot be written.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = state_folder(environment)
        if folder is None:
            raise SetupFailed(
                "there is no home directory for the log",
                suggested_action="name a folder in MILLRACER_STATE_DIR",
            )
        self.path = folder / "logs" / _FILE_NAME
        try:
            make_private_folder(self.path.parent)
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self.descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise SetupFailed(
                f"{self.path} cannot be written: {error.strerror}",
                suggested_action="make it writable, or name a folder in MILLRACER_STATE_DIR",
            ) from error

    def begin(self, argv: tuple[str, ...]) -> int:
        """Write a command to the log and return the offset where its output begins."""
        with suppress(OSError):  # on a full disk the command fails, too, and reports it
            os.write(self.descriptor, f"$ {redact(' '.join(argv))}\n".encode(errors="replace"))
        return os.lseek(self.descriptor, 0, os.SEEK_END)

    def since(self, start: int) -> str:
        """Return the log from an offset on, redacted."""
        size = os.fstat(self.descriptor).st_size
        raw = os.pread(self.descriptor, max(0, size - start), start)
        return redact(raw.decode("utf-8", "replace"))

    def close(self) -> None:
        """Redact the file and close it."""
        with suppress(OSError):
            text = self.since(0).encode()
            os.ftruncate(self.descriptor, 0)
            os.write(self.descriptor, text)
        os.close(self.descriptor)


def diagnose(output: str) -> tuple[str, str]:
    """Return the most informative line of an installer's output and the next step."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for remedy in REMEDIES:
        matches = [line for line in lines if remedy.pattern.search(line)]
        if matches:
            errors = [line for line in matches if _ERROR_LINE.match(line)]
            return max(errors or matches, key=len)[:_LONGEST_LINE], remedy.action
    errors = [line for line in lines if _ERROR_LINE.match(line) and not _UNINFORMATIVE.search(line)]
    shown = errors[:1] or lines[-1:]
    return (shown[0][:_LONGEST_LINE] if shown else "it printed nothing"), _DEFAULT_ACTION
