"""Golden event streams of ops requests; `pytest --update-docs` writes them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer import __version__
from tests.support.frames import stored
from tests.support.ops_cases import STREAMED, Case
from tests.support.ops_frames import normalised, streamed
from tests.support.ops_world import assert_published_result

FOLDER = Path(__file__).parents[3] / "fixtures" / "ops"


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
def test_a_request_has_its_golden_frames(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, update_docs: bool
) -> None:
    request, golden = FOLDER / f"{case.name}.request.json", FOLDER / f"{case.name}.frames.ndjson"
    frames = streamed(case, tmp_path / "items", monkeypatch)
    text = normalised(frames).replace(f'"{__version__}"', '"<version>"')
    if update_docs:
        request.write_bytes(case.raw)
        golden.write_text(text, encoding="utf-8")

    assert_published_result(frames[-1]["payload"])
    assert [each["sequence"] for each in stored(frames)] == list(range(len(stored(frames))))
    assert text == golden.read_text(encoding="utf-8")
    assert case.raw == request.read_bytes()


def test_no_golden_stream_is_left_of_a_case_that_is_gone(*, update_docs: bool) -> None:
    expected = {f"{case.name}.frames.ndjson" for case in STREAMED}
    found = {path.name for path in FOLDER.glob("*.frames.ndjson")}
    if update_docs:
        for name in found - expected:
            (FOLDER / name).unlink()
        found &= expected

    assert found == expected
