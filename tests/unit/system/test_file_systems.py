"""Which file system a path lies on, of all that are mounted."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from millracer.system.file_systems import type_of

_MOUNTS = [
    ("/", "overlay"),
    ("/work", "ext4"),
    ("/work/shared", "nfs4"),
    ("/work/twice", "nfs4"),
    ("/work/twice", "xfs"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/x", "overlay"),
        ("/work", "ext4"),
        ("/work/a/b", "ext4"),
        ("/work/shared/a", "nfs4"),
        ("/work/sharedtoo", "ext4"),
        ("/work/twice/a", "xfs"),
    ],
)
def test_the_last_and_innermost_mount_counts(path: str, kind: str) -> None:
    assert type_of(PurePosixPath(path), _MOUNTS) == kind


def test_a_path_below_no_mount_has_no_type() -> None:
    assert type_of(PurePosixPath("/a"), []) is None
