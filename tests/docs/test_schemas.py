"""The published JSON Schemas are what `millracer schema` prints."""

from pathlib import Path

import pytest

from millracer.cli.app import invoke
from millracer.schemas.names import OPENAPI, SchemaName

_FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.mark.parametrize("name", [*SchemaName, OPENAPI])
def test_the_published_file_is_what_the_command_prints(
    name: str, capsys: pytest.CaptureFixture[str], *, update_docs: bool
) -> None:
    path = _FOLDER / ("openapi.json" if name == OPENAPI else f"{name}.schema.json")

    assert invoke(["schema", name]) == 0
    printed = capsys.readouterr().out
    if update_docs:
        path.parent.mkdir(exist_ok=True)
        path.write_text(printed, encoding="utf-8")
    assert printed == path.read_text(encoding="utf-8")
