"""The matrix reports what ran, what failed and what was unavailable, and its page is fresh."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from millracer.millrace.commands import version as millrace_version
from millracer.pi import install
from tests.matrix import tools
from tests.matrix.cells import CELLS, MILLRACES, PIS, Cell, Selection
from tests.matrix.report import (
    Outcome,
    Result,
    merge,
    not_had,
    ran,
    read_results,
    write_results,
)
from tests.matrix.running import Counted, read_report
from tests.matrix.tools import NotHad, get_tools

ROOT = Path(__file__).parents[2]
DATE = "2026-01-02"
GOOD = Counted(passed=3, skipped={}, seconds=90.0)
JUNIT = """\
<testsuites><testsuite>
<testcase classname="tests.acceptance.test_a" name="test_one[x]"/>
<testcase classname="tests.acceptance.test_a" name="test_two"><failure message="no"/></testcase>
<testcase classname="tests.acceptance.test_a" name="test_two"><error message="left"/></testcase>
<testcase classname="tests.acceptance.test_a" name="test_three"><skipped message="why"/></testcase>
</testsuite></testsuites>
"""


def result_of(cell: Cell, counted: Counted = GOOD) -> Result:
    return ran(cell, counted, python="3.11.7", node="20.20.2", date=DATE)


def test_every_version_is_supported_and_has_its_cell() -> None:
    assert {cell.millrace for cell in CELLS} == set(MILLRACES)
    assert {cell.pi for cell in CELLS} == set(PIS)
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    assert [each for each in MILLRACES if not millrace_version.is_supported(each)] == []
    for version in PIS:
        install.refuse_unsupported(version)
        assert not install.is_untested(version)


def test_a_report_of_pytest_is_counted_by_test(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(JUNIT)

    counted = read_report(report, seconds=1.0)

    assert counted.passed == 1
    assert counted.failed == ("tests/acceptance/test_a.py::test_two",)
    assert counted.skipped == {"tests/acceptance/test_a.py::test_three": "why"}
    assert counted.trouble == ""


def test_no_report_and_no_test_are_trouble(tmp_path: Path) -> None:
    empty = tmp_path / "empty.xml"
    empty.write_text("<testsuites/>")

    assert read_report(tmp_path / "none.xml", seconds=1.0).trouble == "no test ran"
    assert read_report(empty, seconds=1.0, trouble="it was late").trouble == "it was late"
    assert read_report(empty, seconds=1.0).trouble == "no test ran"


@pytest.mark.parametrize(
    ("counted", "outcome"),
    [
        (GOOD, Outcome.PASSED),
        (replace(GOOD, skipped={"t": "why"}), Outcome.PASSED),
        (replace(GOOD, failed=("t",)), Outcome.FAILED),
        (replace(GOOD, trouble="pytest ended with exit code 2"), Outcome.FAILED),
    ],
)
def test_a_cell_passes_only_if_all_of_it_ran_and_none_failed(
    counted: Counted, outcome: Outcome
) -> None:
    assert result_of(CELLS[0], counted).outcome is outcome


def test_results_are_kept_cell_by_cell_and_shown_on_the_page(tmp_path: Path) -> None:
    first, second, third = CELLS[:3]
    kept = (
        replace(result_of(first), cell="of-an-older-matrix"),
        result_of(second, replace(GOOD, failed=("a::test_x",), skipped={"a::test_y": "cannot"})),
        result_of(third),
    )
    results = merge(merge(kept, not_had(third, "no such thing", date=DATE)), result_of(first))

    write_results(results, tmp_path / "kept.json", tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()

    assert read_results(tmp_path / "kept.json") == results
    assert [result.cell for result in results] == [first.name, second.name, third.name]
    assert f"- {second.name} failed: `a::test_x`." in page
    assert f"- {second.name} skipped `a::test_y`: cannot." in page
    assert f"- {third.name} was not available: no such thing." in page
    assert f"- {CELLS[-1].name} was not run." in page
    assert f"- {first.name} was not run." not in page
    assert "| 3 passed, 1 failed, 1 skipped | 1.5 min |" in page
    assert "no such thing" in results[2].summary()
    assert json.loads((tmp_path / "kept.json").read_text())["cells"][1]["outcome"] == "failed"


def test_quick_leaves_the_slow_ones_out() -> None:
    assert "not slow" in Selection.REAL.arguments(slow=False)
    assert "not slow" not in Selection.REAL.arguments(slow=True)
    assert "pi and not slow" in Selection.PI.arguments(slow=False)


def test_the_words_of_an_installer_are_reported_without_its_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    maker = tmp_path / "make"
    maker.write_text(
        "#!/bin/sh\necho Setting up ...\necho 'ERROR: 404 - GET https://host/x - Not found'\n"
        "echo \"flags: $MAKEFLAGS\" > seen\necho 'make: *** Error 1'; exit 2\n"
    )
    maker.chmod(0o755)
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setattr(tools, "_TOOLS", tmp_path / ".tools")
    monkeypatch.setenv("MAKE", str(maker))
    monkeypatch.setenv("MAKEFLAGS", "--jobserver-auth=3,4")

    with pytest.raises(NotHad, match=r"^millrace-9.9: ERROR: 404 - GET \(address\) - Not found$"):
        get_tools(Cell(name="unknown", millrace="9.9"))

    assert (tmp_path / "seen").read_text() == "flags: \n"


def test_a_python_that_is_nowhere_is_not_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(NotHad, match=r"no Python 3\.99"):
        get_tools(Cell(name="unknown", python="3.99"))
