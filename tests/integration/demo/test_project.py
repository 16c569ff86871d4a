import subprocess
import sys
from pathlib import Path

from millracer.demo.project import FILES, MENDED_SOURCE, SOURCE_NAME


def _own_tests(directory: Path) -> int:
    return subprocess.run(
        (sys.executable, "-B", "-m", "unittest"),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    ).returncode


def test_the_projects_own_tests_fail_before_the_fix_and_pass_after_it(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    before = _own_tests(tmp_path)
    (tmp_path / SOURCE_NAME).write_text(MENDED_SOURCE, encoding="utf-8")
    after = _own_tests(tmp_path)

    assert before != 0
    assert after == 0
