import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millracer import DOCUMENTATION_URL
from millracer.cli.app import app
from millracer.domain.programs import TESTED_VERSIONS, Tool

_ROOT = Path(__file__).parents[2]
_PI = _ROOT / "millracer" / "programs" / "pi"
_PIS = (_PI, *sorted((_ROOT / "tests" / "matrix" / "pi").iterdir()))
# Written in halves, so that this file does not name what it forbids.
_FORBIDDEN = (
    "registry." + "npmjs",
    "registry." + "yarnpkg",
    "npm.pkg." + "github",
    "pypi.org/" + "simple",
    "upload." + "pypi",
    "test." + "pypi",
    "files." + "pythonhosted",
    "--extra-" + "index-url",
)


def _repository_files() -> list[Path]:
    listing = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),  # noqa: S607 - whichever git
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    ).stdout.decode()
    paths = [_ROOT / name for name in listing.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_package_registry() -> None:
    files = _repository_files()
    naming = [
        f"{path.relative_to(_ROOT)}: {host}"
        for path in files
        for host in _FORBIDDEN
        if host.encode() in path.read_bytes()
    ]

    assert _PI / "package-lock.json" in files
    assert naming == []


@pytest.mark.parametrize("folder", _PIS, ids=lambda folder: folder.name)
def test_a_lock_of_pi_holds_a_checksum_for_each_package_and_no_address(folder: Path) -> None:
    text = (folder / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    unchecked = [name for name, entry in packages.items() if name and "integrity" not in entry]

    assert "://" not in text
    assert '"resolved"' not in text
    assert unchecked == []


@pytest.mark.parametrize("folder", _PIS, ids=lambda folder: folder.name)
def test_a_lock_of_pi_belongs_to_its_package_file(folder: Path) -> None:
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    ((name, version),) = wanted.items()

    assert version == ("1.6.0" if folder == _PI else folder.name)
    assert packages[""]["dependencies"] == wanted
    assert packages[f"node_modules/{name}"]["version"] == version


def test_each_rule_that_is_broken_on_purpose_has_its_reason_on_the_line_or_the_one_above() -> None:
    without = [
        f"{path.relative_to(_ROOT)}:{number}"
        for path in _repository_files()
        if path.suffix == ".py"
        for number in _noqa_without_reason(path.read_text(encoding="utf-8"))
    ]

    assert without == []


def test_a_reason_holds_for_the_lines_right_below_that_break_the_same_rule() -> None:
    lines = ["a  # " + "noqa: A1 - why", "b  # " + "noqa: A1", "c", "d  # " + "noqa: A1"]

    assert list(_noqa_without_reason("\n".join(lines))) == [4]
    assert list(_noqa_without_reason(lines[0] + "\n" + lines[1].replace("A1", "A2"))) == [2]


def _noqa_without_reason(source: str) -> Iterator[int]:
    previous = ""
    for number, line in enumerate(source.splitlines(), start=1):
        _, _, said = line.partition("# noqa" + ": ")
        rules, _, reason = said.partition(" - ")
        if rules and not reason and rules != previous:
            yield number
        previous = rules


def test_the_licence_the_metadata_names_is_there() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (_ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_versions_that_were_tested_are_those_the_tests_set_up() -> None:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    package = json.loads((_PI / "package.json").read_text(encoding="utf-8"))

    (millrace,) = re.findall(r"^MILLRACE_VERSION := (\S+)$", makefile, re.MULTILINE)
    (pi,) = package["dependencies"].values()
    assert {Tool.MILLRACE: millrace, Tool.PI: pi} == TESTED_VERSIONS


def test_files_of_uv_are_not_part_of_the_project() -> None:
    ignored = subprocess.run(
        ("git", "check-ignore", "uv.lock", ".venv/bin/python", ".tools/pi/package.json"),  # noqa: S607 - whichever git
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    ).stdout.decode()
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert ignored.split() == ["uv.lock", ".venv/bin/python", ".tools/pi/package.json"]
    assert {"pytest", "ruff", "mypy"} <= {
        requirement.partition(">")[0] for requirement in project["optional-dependencies"]["dev"]
    }


def test_the_top_level_holds_what_was_agreed_and_dotfiles() -> None:
    shown = {path.relative_to(_ROOT).parts[0] for path in _repository_files()}

    assert {name for name in shown if not name.startswith(".")} == {
        *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile"),
        *("millracer", "migrations", "tests", "docs", "fixtures"),
    }


def test_the_help_names_the_documentation_of_the_package() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    shown = CliRunner().invoke(app, ["--help"]).output

    assert project["urls"]["Documentation"] == DOCUMENTATION_URL
    assert DOCUMENTATION_URL in shown


def test_no_module_needs_unicodedata_to_compile() -> None:
    """A signal that arrives while Python's compiler imports it becomes a `SyntaxError`."""
    named = "\\" + "N{"
    modules = sorted((_ROOT / "millracer").rglob("*.py"))

    assert modules
    assert [path.name for path in modules if named in path.read_text(encoding="utf-8")] == []
