"""The examples of the page on completion are output of real runs; `--update-docs` rewrites them.

Each is played on the real Millrace with scripted stages, and held to those keys of the result that
the page shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.docs import likeness
from tests.docs.shown import ROOT
from tests.support.cli import Millracer, Ran, daemon_pid, wait_until
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

pytestmark = pytest.mark.slow

_PAGE = ROOT / "docs" / "how-completion-is-judged.md"
_BLOCKED = (Step(marker="BLOCKED"),)
_DELEGATED = ("--route", "millrace", "--finalizer", "summary", "--intake")


def _plain(kind: str) -> Callable[[Millracer], Ran]:
    return lambda millracer: millracer.run(*_DELEGATED, kind, "Look into it")


def _set_aside(millracer: Millracer) -> Ran:
    """Cancel the item before Millrace begins it."""
    millracer.millrace_says("control", "pause")
    running = millracer.start(*_DELEGATED, "task", "Look into it")
    wait_until(lambda: daemon_pid(millracer.workspace) is not None, "the daemon starts")
    (queued,) = (millracer.workspace.agents / "tasks" / "queue").glob("*.md")
    millracer.millrace_says("queue", "cancel", queued.stem, "--reason", "not today")
    return running.finish()


#: By the heading of each example: what the stages do, and how the run is made.
_EXAMPLES: Mapping[str, tuple[Scenario, Callable[[Millracer], Ran]]] = MappingProxyType(
    {
        "A task, completed": (Scenario(), _plain("task")),
        "A task, incomplete: it was cancelled": (Scenario(), _set_aside),
        "A probe, completed through its task": (Scenario(), _plain("probe")),
        "An idea, closed by the Arbiter": (Scenario(), _plain("idea")),
        "An idea, blocked by its task": (
            Scenario(
                {
                    "builder": _BLOCKED,
                    "troubleshooter": _BLOCKED,
                    "consultant": _BLOCKED,
                }
            ),
            _plain("idea"),
        ),
    }
)


def _blocks() -> dict[str, str]:
    """Return the JSON below each heading of an example."""
    examples = _PAGE.read_text(encoding="utf-8").split("\n### ")[1:]
    return {
        example.partition("\n")[0]: example.partition("```json\n")[2].partition("```\n")[0]
        for example in examples
    }


def _those(shown: Any, result: Any) -> Any:
    """Return of a result what the page shows of it: the same keys, of each entry of a list."""
    match shown, result:
        case dict(), dict():
            return {key: _those(value, result[key]) for key, value in shown.items()}
        case [first, *_], list():
            return [_those(first, each) for each in result]
        case _:
            return result


def test_each_example_has_a_run_that_made_it() -> None:
    assert list(_blocks()) == list(_EXAMPLES)


@pytest.mark.parametrize("heading", _EXAMPLES)
def test_an_example_is_what_a_run_says(
    heading: str, tmp_path: Path, millrace_command: str, *, update_docs: bool
) -> None:
    scenario, play = _EXAMPLES[heading]
    workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
    shown = _blocks()[heading]

    ran = play(Millracer(workspace, millrace_command))

    picked = json.dumps(_those(json.loads(shown), ran.result), indent=1)
    made = f"{picked}\n".replace(str(workspace.root), "/workspace")
    made = made.replace(millrace_command, "millrace")
    if update_docs:
        page = _PAGE.read_text(encoding="utf-8")
        _PAGE.write_text(page.replace(shown, made), encoding="utf-8")
    else:
        assert likeness.is_like(made, shown.splitlines()), made
