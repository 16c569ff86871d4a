"""Decide whether a file lock (flock) on a path holds for every process that can reach the path.

On a local file system the kernel keeps one list of locks for all containers. A network or shared
file system may keep separate locks per machine, so a lock that is free here may be held on another
machine.
"""

from __future__ import annotations

from pathlib import Path, PurePath

import psutil

#: File systems that only one kernel writes to.
_LOCAL_TYPES = frozenset(
    {
        *("apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "nilfs2"),
        *("overlay", "ramfs", "reiserfs", "tmpfs", "ufs", "xfs", "zfs"),
    }
)


def is_local(path: Path) -> bool:
    """Whether only this machine's kernel writes to the file system of a path.

    False also if the system does not report it.
    """
    try:
        mounts = psutil.disk_partitions(all=True)
        resolved = path.resolve()
    except (psutil.Error, OSError, RuntimeError):
        return False
    return type_of(resolved, [(mount.mountpoint, mount.fstype) for mount in mounts]) in _LOCAL_TYPES


def type_of(path: PurePath, mounts: list[tuple[str, str]]) -> str | None:
    """Return the type of the file system that contains a resolved path.

    Args:
        path: absolute, without links.
        mounts: mount points and types, in the order in which they were mounted.
    """
    found, depth = None, -1
    for point, kind in mounts:
        place = PurePath(point)
        if path.is_relative_to(place) and len(place.parts) >= depth:
            found, depth = kind, len(place.parts)
    return found
