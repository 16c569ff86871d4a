"""The backend's own words stay in the backend: its commands, its stages and its documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parents[2] / "millracer"
#: The backend, its stand-in, and the demonstration of the real program.
_BACKENDS = frozenset({"millrace", "testing", "demo"})
_SUBCOMMANDS = "init|status|control|queue|runs|modes|compile|run|upgrade|config"
_COMMAND = re.compile(rf"\bmillrace (?:{_SUBCOMMANDS})\b")

_MODULES = sorted(
    path for path in _PACKAGE.rglob("*.py") if path.relative_to(_PACKAGE).parts[0] not in _BACKENDS
)
#: The packages that hold the rules and the runs.
_RULES = frozenset({"domain", "ports", "run", "operations"})
_STAGES = re.compile(
    r"\b(?:UPDATE|ARBITER|MANAGER)_COMPLETE|\bRECON_[A-Z]+|REMEDIATION_NEEDED|clear-stale-state"
    r"|run_trace|\b(?:updater|recon|closure_target|active_work_item)\b"
)


def _texts(path: Path) -> Iterator[str]:
    """Yield every text in a module, documentation included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_only_the_backend_writes_its_commands(path: Path) -> None:
    found = [text for text in _texts(path) if _COMMAND.search(text)]

    assert found == []


@pytest.mark.parametrize(
    "path",
    [path for path in _MODULES if path.relative_to(_PACKAGE).parts[0] in _RULES],
    ids=lambda path: str(path.relative_to(_PACKAGE)),
)
def test_rules_and_runs_know_no_stage_or_document_of_the_backend(path: Path) -> None:
    found = [text for text in _texts(path) if _STAGES.search(text)]

    assert found == []


def test_words_of_the_backend_are_found() -> None:
    assert _COMMAND.search("end it with `millrace control stop`")
    assert not _COMMAND.search("end it with `millracer stop`")
    assert _STAGES.search("updater")
    assert _STAGES.search("RECON_NOOP")
    assert not _STAGES.search("arbiter_complete")


#: Modules that read programs and the files of processes, which no agent writes.
_READ_PROGRAMS = frozenset({"fork_server/server.py", "commands/install.py"})
_BLOCKING_READ = re.compile(r"\.read_(?:text|bytes)\(|\.open\(\"rb?\"|\.open\(encoding")


def test_an_agents_pipe_blocks_no_read_of_a_workspace() -> None:
    """`open_regular` opens any file of a workspace; other calls wait for the writer of a pipe."""
    backend = _PACKAGE / "millrace"
    reading = {
        str(path.relative_to(backend))
        for path in backend.rglob("*.py")
        if _BLOCKING_READ.search(path.read_text(encoding="utf-8"))
    }

    assert reading == _READ_PROGRAMS
