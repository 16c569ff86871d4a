"""The page of compatible versions is fresh, and proves what the code claims to support."""

import re
from pathlib import Path

from millracer.millrace.commands import version
from millracer.pi import install
from tests.matrix.cells import CELLS, MILLRACES, PIS, USUAL_MILLRACE, USUAL_PI
from tests.matrix.report import PAGE, Outcome, read_results, render

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_kept_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(read_results())


def test_the_ends_of_the_supported_ranges_were_tested() -> None:
    passed = [result for result in read_results() if result.outcome is Outcome.PASSED]
    backends, pis = {each.millrace for each in passed}, {each.pi for each in passed}
    oldest_millrace, newest_millrace = version.SUPPORTED_RANGE.split(" to ")
    oldest_pi, newest_pi = install.SUPPORTED_RANGE.split(" to ")

    assert oldest_millrace in backends
    assert any(each.startswith(newest_millrace.removesuffix("x")) for each in backends)
    assert oldest_pi in pis
    assert any(each.startswith(newest_pi.removesuffix("x")) for each in pis)


def test_a_failed_version_is_not_claimed() -> None:
    assert [result.cell for result in read_results() if result.outcome is Outcome.FAILED] == []


def test_the_makefile_sets_up_the_same_versions() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = dict(re.findall(r"^(\w+) := (.*)$", makefile, re.MULTILINE))

    assert said["MILLRACE_VERSIONS"].split() == list(MILLRACES)
    assert said["MILLRACE_VERSION"] == USUAL_MILLRACE
    newer = sorted({cell.pi for cell in CELLS if cell.wants_newer_node} - {USUAL_PI})
    assert said["NEWER_PIS"].split() == newer
    assert said["OLDER_PIS"].split() == [pi for pi in PIS if pi not in {USUAL_PI, *newer}]
    locks = {folder.name for folder in (ROOT / "tests" / "matrix" / "pi").iterdir()}
    assert locks == set(PIS) - {USUAL_PI}
