"""Commands in namespaces of their own, as in a container: process 1 of one, or another `/proc`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

#: A user other than root becomes root in a namespace of users, and mounts `/proc` as process 1.
_AS_ROOT = () if os.geteuid() == 0 else ("--user", "--map-root-user")
_BELOW_ITS_FIRST = ("--pid", "--fork", "--kill-child")


class Proc(StrEnum):
    """A `/proc` that some sandboxes have, as the shell commands that mount it."""

    NONE = "mount -t tmpfs none /proc"
    OTHERS = ":"  #: that of the pid namespace above
    PIDS = "mount -t proc -o subset=pid proc /proc"
    NO_BOOT_TIME = (
        'mount -t proc proc /proc; grep -v ^btime /proc/stat > "$stat"; '
        'mount --bind "$stat" /proc/stat'
    )


def as_process_one() -> tuple[str, ...]:
    """Return what runs the command behind it as process 1, and exits as that does."""
    return ("unshare", *_AS_ROOT, *_BELOW_ITS_FIRST, "--mount-proc")


def with_proc(proc: Proc, folder: Path) -> tuple[str, ...]:
    """Return what runs the command behind it with another `/proc`; a file in `folder` serves it."""
    below = _BELOW_ITS_FIRST if _AS_ROOT or proc is Proc.OTHERS else ()
    script = f'set -e; stat=$0; {proc}; exec "$@"'
    return ("unshare", *_AS_ROOT, *below, "--mount", "sh", "-c", script, str(folder / "stat"))
