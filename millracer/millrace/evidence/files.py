"""The files that facts come from: their names in the workspace, and their digests."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from millracer.domain.certificate.content import facts_of
from millracer.domain.run.evidence import Evidence, StageFact
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.files import open_regular

_RUN_ID = re.compile(r"[\w-]+")
_CHUNK_BYTES = 1024 * 1024
#: More runs prove nothing more; a certificate stays small.
_MOST_FILES = 2000


def list_evidence_files(paths: WorkspacePaths, evidence: Evidence) -> tuple[str, ...]:
    """Return the paths in the workspace of the files that facts come from, sorted.

    The results of the stages of each named run are among them, since its trace is made of them.
    Millrace's event log is not: it grows, so that its digest would not last.
    """
    found = {
        Path(fact.source) for fact in facts_of(evidence) if fact.source != str(paths.event_log)
    }
    found |= set(_results(paths, evidence.stages))
    names = {name for path in found if (name := _name(paths.root, path)) is not None}
    return tuple(sorted(names)[:_MOST_FILES])


def _results(paths: WorkspacePaths, stages: Iterable[StageFact]) -> Iterator[Path]:
    runs = {fact.run_id for fact in stages if _RUN_ID.fullmatch(fact.run_id)}
    for run_id in runs:
        yield from (paths.agents / "runs" / run_id / "stage_results").glob("*.json")


def _name(root: Path, path: Path) -> str | None:
    """Return a file's path in the workspace; None if it is missing or outside."""
    if not path.is_absolute():
        return None
    try:
        inside = path.resolve(strict=True).relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return None
    return str(inside) if path.is_file() else None


def digest_files(root: Path, names: Iterable[str]) -> Mapping[str, str | None]:
    """Return SHA-256 (hex) of each file; None for one that is missing, unreadable or outside."""
    return {name: _digest(root, name) for name in names}


def _digest(root: Path, name: str) -> str | None:
    path = root / name
    try:
        if not path.resolve(strict=True).is_relative_to(root.resolve()):
            return None
        digest = hashlib.sha256()
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except (OSError, ValueError, RuntimeError):
        return None
    return digest.hexdigest()
