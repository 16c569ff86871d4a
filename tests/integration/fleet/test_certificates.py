"""A completed item is delivered whether or not its host can certify it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from millracer.certificate.keys import FileKeys
from millracer.domain.run.options import RunOptions
from millracer.domain.run.result import failed_result
from millracer.errors import KeyUnusable, MillracerError
from millracer.operations.options import OptionLayers
from millracer.programs.discovery import resolve_programs
from millracer.wiring.tool_factory import ProgramFactory
from millracer.worker.assembly import make_runner
from millracer.worker.certificates import EndedRun, add_certificate
from tests.fakes.fleet_worker import document
from tests.support.certificates import lease

_DOCUMENT = document("succeeded", "completed")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileKeys:
    """The keys of the user, who has none yet."""
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("MILLRACER_SIGNING_KEY", raising=False)
    return FileKeys()


def certified(root: Path, *, is_requested: bool, kind: type[ProgramFactory]) -> dict[str, Any]:
    found = resolve_programs({"millrace_command": "no-such-millrace", "pi_command": "no-such-pi"})
    error = MillracerError("unused", code="unused", suggested_action="none")
    ended = EndedRun(options=RunOptions(), result=failed_result("r", str(root), "1", error))
    with closing(kind(found=found)) as programs:
        return add_certificate(
            _DOCUMENT, ended, str(root), lease(), programs, is_requested=is_requested
        )


def warning_codes(result: dict[str, Any]) -> list[str]:
    return [each["code"] for each in result["warnings"]]


def test_a_host_without_a_key_makes_no_certificate(keys: FileKeys, tmp_path: Path) -> None:
    assert certified(tmp_path, is_requested=False, kind=ProgramFactory) == _DOCUMENT


@dataclass(frozen=True, kw_only=True)
class Broken(ProgramFactory):
    """Programs with a bug."""

    def repository(self, root_path: str) -> NoReturn:
        raise RuntimeError(root_path)


@pytest.mark.parametrize("kind", [ProgramFactory, Broken])
def test_a_certificate_that_cannot_be_made_becomes_a_warning(
    keys: FileKeys, tmp_path: Path, kind: type[ProgramFactory]
) -> None:
    keys.new()

    result = certified(tmp_path, is_requested=False, kind=kind)

    assert warning_codes(result) == ["certificate_not_made"]
    assert {**result, "warnings": []} == _DOCUMENT


def test_requested_certificates_need_a_key_before_the_first_item(keys: FileKeys) -> None:
    with (
        closing(ProgramFactory(found=resolve_programs({}))) as programs,
        pytest.raises(KeyUnusable),
    ):
        make_runner(programs, OptionLayers(given={}), certifies=True)
