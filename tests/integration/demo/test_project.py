import re
import subprocess
import sys
from pathlib import Path

from millracer.cancellation import Cancellation
from millracer.demo.project import COVER, FILES, FIX
from millracer.demo.story import changed_lines, run_tests


def _own_tests(directory: Path) -> tuple[bool, int]:
    ran = subprocess.run(
        (sys.executable, "-B", "-m", "unittest"),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    count = re.search(r"^Ran (\d+) tests? in", ran.stderr, re.MULTILINE)
    return ran.returncode == 0, int(count[1]) if count else 0


def test_the_projects_own_tests_fail_until_it_is_fixed_and_hold_when_more_is_covered(
    tmp_path: Path,
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    before = _own_tests(tmp_path)
    (tmp_path / COVER.path).write_text(COVER.content, encoding="utf-8")
    covered_only = _own_tests(tmp_path)
    (tmp_path / COVER.path).write_text(FILES[COVER.path], encoding="utf-8")
    (tmp_path / FIX.path).write_text(FIX.content, encoding="utf-8")
    fixed = _own_tests(tmp_path)
    (tmp_path / COVER.path).write_text(COVER.content, encoding="utf-8")
    both = _own_tests(tmp_path)

    assert (before, covered_only, fixed, both) == ((False, 2), (False, 3), (True, 2), (True, 3))


def test_the_story_has_the_failing_test_the_change_and_the_passing_test(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    before = run_tests(tmp_path, {}, Cancellation())
    untouched = list(changed_lines(tmp_path))
    (tmp_path / FIX.path).write_text(FIX.content, encoding="utf-8")
    after = run_tests(tmp_path, {}, Cancellation())

    assert (before.passed, after.passed) == (False, True)
    assert "AssertionError: 1990 != 1800" in before.lines
    assert after.lines[-1] == "OK"
    assert untouched == []
    assert [line for line in changed_lines(tmp_path) if line.startswith(("-  ", "+  "))] == [
        "-    return price - percent",
        "+    return price - price * percent // 100",
    ]
