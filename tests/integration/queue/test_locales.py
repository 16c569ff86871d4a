"""A command's input is UTF-8, also where the locale has another encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.locales import locale_environment
from tests.support.ops_cli import OpsCaller
from tests.support.workspace import Workspace

TASK = "Färbe das Menü ☃ \u3042 blau"


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "EUC-JP"])
def test_a_task_is_the_same_item_as_an_argument_and_on_standard_input(
    prepare: Callable[..., tuple[Workspace, OpsCaller]], tmp_path: Path, encoding: str
) -> None:
    workspace, caller = prepare()
    (tmp_path / "locale").mkdir()
    variables = locale_environment(tmp_path / "locale", encoding)
    abroad = replace(caller, environment={**caller.environment, **variables})
    link = tmp_path / "Ärger ☃"
    link.symlink_to(workspace.root)
    words = ("submit", "--json", "--intake", "task", "--request-id", "grün ☃")

    here = caller.run(*words, stdin=TASK.encode())
    as_argument = abroad.run(*words, "--workspace", str(link), TASK)
    marked = caller.run(*words, stdin=TASK.encode("utf-8-sig"))
    on_input = abroad.run(*words, "--workspace", str(link), stdin=TASK.encode())

    for again in (as_argument, marked, on_input):
        assert again.exit_code == 0, again.stderr
        assert again.document["work_item_id"] == here.document["work_item_id"]
        assert again.document["found"] is True
    (queued,) = (workspace.agents / "tasks" / "queue").glob("*.md")
    assert TASK in queued.read_text(encoding="utf-8")
