"""The file system of a path, of all that are mounted."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from millracer.system.file_systems import type_of

_MOUNTS = [
    ("/", "overlay"),
    ("/data", "ext4"),
    ("/data/shared", "nfs4"),
    ("/data/twice", "nfs4"),
    ("/data/twice", "xfs"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/x", "overlay"),
        ("/data", "ext4"),
        ("/data/a/b", "ext4"),
        ("/data/shared/a", "nfs4"),
        ("/data/sharedtoo", "ext4"),
        ("/data/twice/a", "xfs"),
    ],
)
def test_the_last_and_innermost_mount_counts(path: str, kind: str) -> None:
    assert type_of(PurePosixPath(path), _MOUNTS) == kind


def test_a_path_below_no_mount_has_no_type() -> None:
    assert type_of(PurePosixPath("/a"), []) is None
