"""The result of the doctor's checks, and the defaults for skipped checks."""

from __future__ import annotations

import pytest

from millracer.domain.doctor_report import (
    Check,
    CheckLevel,
    CheckName,
    Finding,
    FolderReport,
    StoreReport,
    is_healthy,
)


def found(*levels: CheckLevel) -> list[Check]:
    return [
        Check(name=name, finding=Finding(level=level, message="seen"))
        for name, level in zip(CheckName, levels, strict=False)
    ]


@pytest.mark.parametrize("level", [level for level in CheckLevel if level is not CheckLevel.FAIL])
def test_whatever_did_not_fail_is_healthy(level: CheckLevel) -> None:
    assert is_healthy(found(CheckLevel.OK, level))
    assert not is_healthy(found(level, CheckLevel.FAIL, CheckLevel.OK))


def test_what_is_only_said_is_well() -> None:
    assert Finding(message="seen").level is CheckLevel.OK


def test_a_folder_that_is_not_there_could_be_made_and_an_empty_store_holds_nothing() -> None:
    folder, store = FolderReport(path="/state"), StoreReport(exists=False)

    assert (folder.exists, folder.is_folder) == (False, True)
    assert (folder.writable, folder.shared) == (True, False)
    assert (store.sessions, store.workspaces) == (0, 0)
