"""What installers write while setup runs: kept whole in a private file, its telling line found."""

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
_LONGEST_TOLD = 400
_TELLING = re.compile(r"^\s*(error|npm err|npm error|fatal)\b[:! ]", re.IGNORECASE)
_SAYS_NOTHING = re.compile(r"complete log of this run|npm error\s*$|npm error code|_logs/")


@dataclass(frozen=True, slots=True)
class Cure:
    """What to do about an installer's line that holds one of these signs."""

    signs: re.Pattern[str]
    action: str


CURES = (
    Cure(
        re.compile(r"no space left|ENOSPC|errno 28|disk quota|EDQUOT", re.IGNORECASE),
        "make room on the disk",
    ),
    Cure(
        re.compile(r"ensurepip is not|No module named '?(venv|ensurepip)", re.IGNORECASE),
        "give this Python its venv module (Debian and Ubuntu: `apt install python3-venv`)",
    ),
    Cure(
        re.compile(r"certificate|SELF_SIGNED|UNABLE_TO_VERIFY|SSLError", re.IGNORECASE),
        "let pip and npm know the certificates of your network (PIP_CERT, NODE_EXTRA_CA_CERTS)",
    ),
    Cure(
        re.compile(
            r"name resolution|NewConnectionError|ConnectTimeout|ConnectionError|ProxyError|"
            r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|unreachable|"
            r"network request|Max retries|timed out",
            re.IGNORECASE,
        ),
        "see that the network, or the mirror or proxy that pip and npm are configured for, can be "
        "reached",
    ),
    Cure(
        re.compile(r"from versions: |No matching distribution"),
        "see that the index that pip is configured for can be used, and has this version for this "
        "Python and machine",
    ),
    Cure(
        re.compile(r"EACCES|EPERM|permission denied|errno 13|EROFS|read-only", re.IGNORECASE),
        "let the folder of the tools be written, or name another in MILLRACER_DATA_DIR",
    ),
)
_OTHERWISE = "see the log"


class SetupLog:
    """One setup's log, begun anew; the file is the user's alone.

    Raises:
        SetupFailed: it cannot be written.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = state_folder(environment)
        if folder is None:
            raise SetupFailed(
                "there is no home to keep a log in",
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
                suggested_action="let it be written, or name a folder in MILLRACER_STATE_DIR",
            ) from error

    def begin(self, argv: tuple[str, ...]) -> int:
        """Note a command, and return where its output begins."""
        with suppress(OSError):  # a full disk: the command will meet it, too
            os.write(self.descriptor, f"$ {redact(' '.join(argv))}\n".encode(errors="replace"))
        return os.lseek(self.descriptor, 0, os.SEEK_END)

    def since(self, start: int) -> str:
        """Return what was written since then, without secrets."""
        size = os.fstat(self.descriptor).st_size
        raw = os.pread(self.descriptor, max(0, size - start), start)
        return redact(raw.decode("utf-8", "replace"))

    def close(self) -> None:
        """Take secrets out of it, and let it be."""
        with suppress(OSError):
            text = self.since(0).encode()
            os.ftruncate(self.descriptor, 0)
            os.write(self.descriptor, text)
        os.close(self.descriptor)


def what_went_wrong(output: str) -> tuple[str, str]:
    """Return the line of an installer's output that tells most, and what to do about it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for cure in CURES:
        said = [line for line in lines if cure.signs.search(line)]
        if said:
            errors = [line for line in said if _TELLING.match(line)]
            return max(errors or said, key=len)[:_LONGEST_TOLD], cure.action
    errors = [line for line in lines if _TELLING.match(line) and not _SAYS_NOTHING.search(line)]
    told = errors[:1] or lines[-1:]
    return (told[0][:_LONGEST_TOLD] if told else "it said nothing"), _OTHERWISE
