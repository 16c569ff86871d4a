"""Report what a new workspace contains, and let git ignore it on request."""

from __future__ import annotations

from millracer.ports import Backend
from millracer.run.context import RunContext


def announce(record: RunContext, millrace: Backend, *, is_new: bool) -> None:
    """Warn that this run created the backend's folder; change `.gitignore` if the caller asked.

    Raises:
        WorkspaceUnusable: `.gitignore` cannot be written.
    """
    if not (is_new or record.request.gitignore):
        return
    folder = millrace.describe_folder(record.wait)
    ignores = folder.is_shown_by_git and record.request.gitignore
    if is_new:
        hint = "; git shows it unless you add --gitignore"
        offered = hint if folder.is_shown_by_git and not ignores else ""
        text = f"created {folder} in {millrace.workspace} for Millrace's state{offered}"
        record.warn("workspace_initialised", text)
    if ignores:
        millrace.ignore_folder()
        record.warn("gitignore_changed", f"added {folder.name} to .gitignore")
