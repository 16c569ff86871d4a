"""Remembers which models pi reported, so that a check of a model need not start pi.

An entry applies to one way of starting pi: the same program, version, options, settings and
credentials. It only saves time: ask pi again before you refuse work because of it. The file
holds names of models and hashes; it is in the user's state folder. Failures mean no entry.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from millracer.domain.models import AgentModels, Model
from millracer.errors import MillracerError
from millracer.pi.options import PiOptions
from millracer.system.files import write_atomically
from millracer.system.user_folders import make_private_folder, state_folder

_FILE = "pi-models.json"
_MOST_ENTRIES = 20
_MOST_AGE_SECONDS = 24 * 3600.0
#: Names pi's folder in its environment.
FOLDER_VARIABLE = "PI_CODING_AGENT_DIR"
_DEFAULT_FOLDER = Path(".pi", "agent")
#: The files of pi's folder that decide which models have credentials, and which one is selected.
_SETTINGS = ("auth.json", "models.json", "settings.json", "extensions")
#: Variables that may hold credentials or choose an account.
_CREDENTIAL_VARIABLE = re.compile(
    r"KEY|TOKEN|SECRET|CREDENTIAL|PROFILE|PROJECT|ACCOUNT|REGION|ENDPOINT|RESOURCE|BASE_URL|^PI_"
)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    at: float
    selected: tuple[str, str] | None
    usable: tuple[tuple[str, str, str], ...]
    by_default: bool
    resolves_by_credentials: bool


class ModelCache:
    """The remembered models of one way of starting pi.

    Args:
        options: how pi is started.
        version: pi's version.
    """

    def __init__(self, options: PiOptions, version: str) -> None:
        self._key = _fingerprint(options, version)
        folder = state_folder(options.env)
        self._path = None if folder is None else folder / _FILE

    def read(self) -> AgentModels | None:
        """Return the remembered models; None without a valid entry of the last 24 hours."""
        entry = self._entries().get(self._key)
        if entry is None:
            return None
        return AgentModels(
            selected=None
            if entry.selected is None
            else Model(provider=entry.selected[0], model_id=entry.selected[1]),
            usable=tuple(
                Model(provider=provider, model_id=model_id, name=name)
                for provider, model_id, name in entry.usable
            ),
            by_default=entry.by_default,
            resolves_by_credentials=entry.resolves_by_credentials,
        )

    def write(self, models: AgentModels) -> None:
        """Remember the models; never raises."""
        if self._path is None:
            return
        chosen = models.selected
        entry = _Entry(
            at=time.time(),
            selected=None if chosen is None else (chosen.provider, chosen.model_id),
            usable=tuple((each.provider, each.model_id, each.name) for each in models.usable),
            by_default=models.by_default,
            resolves_by_credentials=models.resolves_by_credentials,
        )
        newest = sorted(self._entries().items(), key=lambda each: -each[1].at)
        kept = dict(newest[: _MOST_ENTRIES - 1]) | {self._key: entry}
        text = json.dumps({key: each.model_dump() for key, each in kept.items()})
        with suppress(OSError, MillracerError):
            make_private_folder(self._path.parent)
            write_atomically(self._path, text)

    def _entries(self) -> dict[str, _Entry]:
        now, found = time.time(), {}
        for key, value in _read_object(self._path).items():
            with suppress(ValidationError):
                entry = _Entry.model_validate(value)
                if 0 <= now - entry.at <= _MOST_AGE_SECONDS:
                    found[key] = entry
        return found


def remembered_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every remembered usable model as `provider/id`, sorted; starts nothing."""
    folder = state_folder(environment)
    names = set()
    for value in _read_object(None if folder is None else folder / _FILE).values():
        with suppress(ValidationError):
            names |= {f"{each[0]}/{each[1]}" for each in _Entry.model_validate(value).usable}
    return tuple(sorted(names))


def agent_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder of pi's settings and credentials; None without a home directory."""
    named = environment.get(FOLDER_VARIABLE)
    with suppress(RuntimeError):
        if named:
            return Path(named).expanduser()
        home = environment.get("HOME")
        return (Path(home) if home else Path.home()) / _DEFAULT_FOLDER
    return None


def _read_object(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fingerprint(options: PiOptions, version: str) -> str:
    """Return a hash of all that decides which models pi reports; no secret can be read from it."""
    folder = agent_folder(options.env)
    stamps = [] if folder is None else [_stamp(folder / name) for name in _SETTINGS]
    credentials = {
        name: value for name, value in options.env.items() if _CREDENTIAL_VARIABLE.search(name)
    }
    parts = (
        *(options.argv, version, options.provider, options.model, options.extra_arguments),
        *(str(folder), stamps, sorted(credentials.items())),
    )
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
