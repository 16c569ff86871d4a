"""Find the numbered SQL scripts of a schema: `NNNN_verb_noun.sql`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<number>[0-9]{4})_[a-z]+(?:_[a-z]+)+\.sql")
_PACKAGE = Path(__file__).parents[1]


class BrokenScripts(Exception):
    """The scripts are missing, or are not numbered 1, 2, 3 ...; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlScript:
    """One script; `number` is the version of the schema after it is applied."""

    number: int
    name: str
    sql: str


def installed_scripts_folder() -> Path:
    """Return the folder of the installed scripts: in the package, or beside it in a source tree."""
    packaged = _PACKAGE / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"


def find_scripts(folder: Path) -> tuple[SqlScript, ...]:
    """Return the scripts of a folder in order.

    Raises:
        BrokenScripts: they are missing, or are not numbered 1, 2, 3 ...
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if path.suffix == ".sql")
        scripts = tuple(_read(folder / name) for name in names)
    except OSError as error:
        raise BrokenScripts(f"{folder} cannot be read: {error.strerror}") from error
    numbers = [script.number for script in scripts]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise BrokenScripts(f"the scripts in {folder} are numbered {numbers}")
    return scripts


def _read(path: Path) -> SqlScript:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise BrokenScripts(f"{path} is not named NNNN_verb_noun.sql")
    return SqlScript(
        number=int(match["number"]), name=path.name, sql=path.read_text(encoding="utf-8")
    )
