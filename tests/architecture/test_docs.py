"""Generated documents are fresh; `pytest --update-docs` writes them anew, to be read as a diff."""

import re
from pathlib import Path

from millracer.domain.lifecycle import mermaid
from millracer.errors import ExitCode

ROOT = Path(__file__).parents[2]
STATE_MACHINE = ROOT / "docs" / "state-machine.md"
_PAGE = """\
# The state machine

Generated from the table in `millracer/domain/lifecycle.py`; a test keeps it fresh.

```mermaid
{diagram}```
"""


def test_the_state_diagram_is_the_table(*, update_docs: bool) -> None:
    expected = _PAGE.format(diagram=mermaid())
    if update_docs:
        STATE_MACHINE.write_text(expected, encoding="utf-8")

    assert expected == STATE_MACHINE.read_text(encoding="utf-8")


def test_the_readme_lists_every_exit_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}

    assert {int(code) for code in ExitCode} == listed


def test_every_path_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## Where do I find", 1)[1].split("## Why", 1)[0]
    folder = None
    for name in re.findall(r"`([\w/]+\.py)`", table):
        path = Path(name)
        folder = path.parent if path.parent != Path() else folder
        assert folder is not None
        assert (ROOT / "millracer" / folder / path.name).is_file(), name


def test_every_decision_record_is_linked() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

    for record in (ROOT / "docs" / "decisions").glob("*.md"):
        assert f"decisions/{record.name}" in text
