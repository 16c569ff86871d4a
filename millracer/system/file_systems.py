"""Whether a file lock (flock) on a path means the same to everybody who can reach that path.

On a file system of one machine the kernel keeps one list of locks for all its containers. A network
or a shared file system may keep the locks of each machine apart, so a lock that is free here may be
held on another machine.
"""

from __future__ import annotations

from pathlib import Path, PurePath

import psutil

#: File systems that one kernel alone writes to.
_LOCAL_TYPES = frozenset(
    {
        *("apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "nilfs2"),
        *("overlay", "ramfs", "reiserfs", "tmpfs", "ufs", "xfs", "zfs"),
    }
)


def is_local(path: Path) -> bool:
    """Whether the file system below a path is written to by this machine's kernel alone.

    False also where the system does not say.
    """
    try:
        mounts = psutil.disk_partitions(all=True)
        resolved = path.resolve()
    except (psutil.Error, OSError, RuntimeError):
        return False
    return type_of(resolved, [(mount.mountpoint, mount.fstype) for mount in mounts]) in _LOCAL_TYPES


def type_of(path: PurePath, mounts: list[tuple[str, str]]) -> str | None:
    """Return the type of the file system that a resolved path lies on.

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
