"""Change notifications for folders by Linux's inotify."""

from __future__ import annotations

from collections.abc import Iterable

from inotify_simple import INotify, flags

_CHANGES = flags.CREATE | flags.DELETE | flags.MODIFY | flags.MOVED_FROM | flags.MOVED_TO


class InotifyChanges:
    """One inotify instance; implements the `FolderChanges` of `millracer.system.file_events`.

    Args:
        closes: also report that a file that was open for writing was closed.

    Raises:
        OSError: the limit of instances is reached.
    """

    def __init__(self, *, closes: bool = False) -> None:
        self._inotify = INotify(nonblocking=True)
        self._reported = _CHANGES | flags.ONLYDIR | (flags.CLOSE_WRITE if closes else 0)
        self._folders: dict[int, str] = {}

    def fileno(self) -> int:
        """Return the descriptor that is readable after a change."""
        return int(self._inotify.fileno())

    def watch(self, folders: Iterable[str]) -> list[str]:
        """Report changes of these folders from now on; return those that cannot be watched."""
        return [folder for folder in folders if not self._watch(folder)]

    def take_removed(self) -> list[str]:
        """Read all pending notifications; return the folders that were removed."""
        notices = self._inotify.read(timeout=0)
        gone = [notice.wd for notice in notices if notice.mask & flags.IGNORED]
        return [self._folders.pop(watched) for watched in gone if watched in self._folders]

    def close(self) -> None:
        """Close the descriptor."""
        self._inotify.close()

    def _watch(self, folder: str) -> bool:
        try:
            self._folders[self._inotify.add_watch(folder, self._reported)] = folder
        except OSError:
            return False
        return True
