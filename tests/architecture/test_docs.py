"""The pages' statements about the code are true."""

import re
import tomllib
from pathlib import Path

from millracer.domain.doctor_report import CheckName
from millracer.errors import ExitCode

ROOT = Path(__file__).parents[2]


def test_the_layers_on_the_page_are_those_that_are_enforced() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```text\n(cli .*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = [line.split()[0] for line in block.splitlines()]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    enforced = contracts["tool"]["importlinter"]["contracts"][0]["layers"]

    assert shown == [layer.split(" | ")[0] for layer in enforced if layer != "__main__"]
    beside = {each for layer in enforced for each in layer.split(" | ")[1:]}
    assert beside <= set(re.findall(r"\| (\w+)", block))


def test_the_readme_lists_every_exit_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}

    assert {int(code) for code in ExitCode} == listed


def test_every_path_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)`", text)

    assert named
    for name in named:
        assert (ROOT / "millracer" / name).is_file(), name


def test_every_decision_record_is_linked() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

    for record in (ROOT / "docs" / "decisions").glob("*.md"):
        assert f"decisions/{record.name}" in text


def test_the_doctors_page_lists_every_check_in_order() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    table = page.split("## The checks", 1)[1]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [str(name) for name in CheckName]
    for row in re.findall(r"^\| `.*", table, re.MULTILINE):
        assert len(row.split(" | ")) == 5, row
