"""Compare two trees: the changed files with their lines, or a patch."""

from __future__ import annotations

from collections.abc import Iterator

from millracer.cancellation import Wait
from millracer.domain.work.changes import FileChange, FileStatus
from millracer.repository.git import PATHSPEC, Git

_STATUSES = {
    "A": FileStatus.ADDED,
    "D": FileStatus.DELETED,
    "R": FileStatus.RENAMED,
    "T": FileStatus.TYPE_CHANGED,
}
_COMMON = ("-r", "--find-renames", "--relative", "--no-ext-diff", "--no-textconv", "--no-color")


def compare(git: Git, before: str, after: str, wait: Wait) -> tuple[FileChange, ...]:
    """Return the files that differ, by path.

    Raises:
        ToolError, Cancelled: as `Git.output`.
    """
    arguments = ("-z", "--raw", "--numstat", before, after, "--", *PATHSPEC)
    return parse_changes(git.output("diff-tree", *_COMMON, *arguments, wait=wait))


def render_patch(git: Git, before: str, after: str, wait: Wait) -> str:
    """Return the difference as a unified diff.

    Raises:
        ToolError, Cancelled: as `Git.output`.
    """
    arguments = ("--patch", before, after, "--", *PATHSPEC)
    return git.output("diff-tree", *_COMMON, *arguments, wait=wait)


def parse_changes(output: str) -> tuple[FileChange, ...]:
    """Parse the output of `diff-tree -z --raw --numstat`: raw rows, then rows of line counts."""
    fields = iter(output.split("\0"))
    statuses: dict[str, tuple[FileStatus, str | None]] = {}
    changes = []
    for field in fields:
        if field.startswith(":"):
            letter = field.rpartition(" ")[2][:1]
            path, previous = _paths(fields, renamed=letter in {"R", "C"})
            statuses[path] = _STATUSES.get(letter, FileStatus.MODIFIED), previous
        elif field:
            added, removed, path = field.split("\t", 2)
            if not path:
                path, _ = _paths(fields, renamed=True)
            status, previous = statuses.get(path, (FileStatus.MODIFIED, None))
            changes.append(
                FileChange(
                    path=path,
                    status=status,
                    added=_count(added),
                    removed=_count(removed),
                    previous_path=previous,
                )
            )
    return tuple(sorted(changes, key=lambda change: change.path))


def _paths(fields: Iterator[str], *, renamed: bool) -> tuple[str, str | None]:
    """Return the next path, and the previous one of a renamed file."""
    first = next(fields, "")
    return (next(fields, ""), first) if renamed else (first, None)


def _count(lines: str) -> int | None:
    return None if lines == "-" else int(lines)
