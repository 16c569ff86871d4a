"""Inspecting a pi: its Node, its models, and a folder of its own in which it writes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.models import AgentModels, Model
from millracer.errors import ProtocolError, ToolFailed, ToolNotFound, ToolTimeout, ToolUnsupported
from millracer.pi.inspection import PiInspection
from millracer.pi.options import PiOptions
from tests.support.trees import tree

_CHILD = Path(__file__).parents[2] / "children" / "pi_listing.py"


def _inspect(tmp_path: Path, *arguments: str, env: Mapping[str, str] | None = None) -> PiInspection:
    options = PiOptions(
        cwd=tmp_path,
        argv=(sys.executable, str(_CHILD), *arguments),
        env={**os.environ, "HOME": str(tmp_path), **(env or {})},
    )
    return PiInspection(options, tmp_path / "throw-away" / "agent")


def _wait(seconds: float = 20.0) -> Wait:
    return Wait.for_seconds(seconds)


def test_a_pi_names_its_model_and_those_it_has_credentials_for(tmp_path: Path) -> None:
    inspection = _inspect(tmp_path, "models")

    found = inspection.list_models(_wait())

    assert found == AgentModels(
        selected=Model(provider="stub", model_id="large"),
        usable=(
            Model(provider="stub", model_id="large"),
            Model(provider="other", model_id="x"),
            Model(provider="stub", model_id="small"),
        ),
        resolves_by_credentials=False,
    )
    assert found.is_usable
    assert str(found.selected) == "stub/large"
    assert [notice.text for notice in inspection.notices] == ["Using custom model id."]


@pytest.mark.parametrize("how", ["unknown", "without", "odd"])
def test_a_pi_without_a_model_has_none(tmp_path: Path, how: str) -> None:
    found = _inspect(tmp_path, how).list_models(_wait())

    assert found == AgentModels(selected=None, usable=(), resolves_by_credentials=False)
    assert not found.is_usable


def test_a_pi_that_refuses_to_list_its_models_is_reported_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="not today"):
        _inspect(tmp_path, "refuse").list_models(_wait())


def test_a_pi_that_lists_nonsense_broke_its_protocol(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError):
        _inspect(tmp_path, "nonsense").list_models(_wait())


@pytest.mark.parametrize("how", ["hang", "mute"])
def test_a_pi_that_does_not_answer_in_time_is_ended(tmp_path: Path, how: str) -> None:
    with pytest.raises((ToolTimeout, ToolFailed)):
        _inspect(tmp_path, how).list_models(_wait(1.5))


def test_a_pi_that_dies_over_it_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="exit code 3"):
        _inspect(tmp_path, "die").list_models(_wait())


def test_pi_finds_what_is_the_users_and_writes_where_it_is_thrown_away(tmp_path: Path) -> None:
    agent = tmp_path / ".pi" / "agent"
    for name in ("sessions", "tools", "extensions"):
        (agent / name).mkdir(parents=True)
        (agent / name / "one").write_text(name, encoding="utf-8")
    for name in ("settings.json", "models.json", "auth.json", "old.jsonl"):
        (agent / name).write_text(name, encoding="utf-8")
    before = tree(agent)

    _inspect(tmp_path, "models").list_models(_wait())

    seen = tmp_path / "throw-away" / "agent"
    assert {path.name for path in seen.iterdir()} == {
        *("settings.json", "models.json", "auth.json", "extensions", "written"),
    }
    assert (seen / "auth.json").is_symlink()  # credentials are in one place alone
    assert not (seen / "models.json").is_symlink()
    assert (seen / "extensions" / "one").read_text(encoding="utf-8") == "extensions"
    assert json.loads((seen / "written").read_text(encoding="utf-8"))["offline"] == "1"
    assert seen.stat().st_mode & 0o777 == 0o700
    assert tree(agent) == before


def test_the_folder_that_the_environment_names_is_imitated(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    (named / "models.json").write_text("{}", encoding="utf-8")

    inspection = _inspect(tmp_path, "models", env={"PI_CODING_AGENT_DIR": str(named)})
    inspection.list_models(_wait())
    inspection.list_models(_wait())  # what the first left does not disturb the second

    assert (tmp_path / "throw-away" / "agent" / "models.json").read_text(encoding="utf-8") == "{}"
    assert [path.name for path in named.iterdir()] == ["models.json"]


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def _node_pi(tmp_path: Path, *, node: str | None, needs: object = ">=20.6.0") -> PiInspection:
    """Return a pi for Node in an environment where Node prints that version, or is missing."""
    pi = _script(tmp_path / "pi" / "bin" / "pi", "#!/usr/bin/env node\n")
    metadata = {
        "name": "@mariozechner/pi-coding-agent",
        "version": "0.73.1",
        "engines": {"node": needs},
    }
    (tmp_path / "pi" / "package.json").write_text(json.dumps(metadata), encoding="utf-8")
    programs = tmp_path / "programs"
    programs.mkdir(exist_ok=True)
    if node is not None:
        _script(programs / "node", f"#!/bin/sh\n{node}\n")
    options = PiOptions(cwd=tmp_path, argv=(str(pi),), env={"PATH": str(programs)})
    return PiInspection(options, tmp_path / "agent")


@pytest.mark.parametrize(
    ("node", "needs"),
    [
        ("echo v20.6.0", ">=20.6.0"),
        ("echo v24.19.0", ">= 20.6.0"),
        ("echo v18.0.0", "^18 || ^20"),  # not plain enough to refuse anything by it
        ("echo v18.0.0", None),
    ],
)
def test_a_node_that_is_new_enough_is_reported(tmp_path: Path, node: str, needs: object) -> None:
    found = _node_pi(tmp_path, node=node, needs=needs).find_node(_wait())

    assert found == node.removeprefix("echo v")


def test_a_node_that_is_too_old_is_refused_with_what_this_pi_asks_for(tmp_path: Path) -> None:
    with pytest.raises(ToolUnsupported, match=r"20\.5\.9 .*20\.6\.0"):
        _node_pi(tmp_path, node="echo v20.5.9").find_node(_wait())


def test_a_missing_or_broken_node_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFound, match="`node`"):
        _node_pi(tmp_path, node=None).find_node(_wait())
    with pytest.raises(ToolFailed, match="exit code 4"):
        _node_pi(tmp_path, node="exit 4").find_node(_wait())


def test_a_node_that_is_named_before_pi_is_the_one_that_counts(tmp_path: Path) -> None:
    node = _script(tmp_path / "own" / "node", "#!/bin/sh\necho v22.19.0\n")
    options = PiOptions(cwd=tmp_path, argv=(str(node), "cli.js"), env={"PATH": "/nowhere"})

    inspection = PiInspection(options, tmp_path / "agent")
    assert inspection.find_node(_wait()) == "22.19.0"
    assert inspection.command == f"{node} cli.js"


def test_a_pi_that_is_not_a_program_for_node_needs_none(tmp_path: Path) -> None:
    assert _inspect(tmp_path, "models").find_node(_wait()) is None


def test_a_version_is_reported_with_its_known_limits(tmp_path: Path) -> None:
    version, warnings = _inspect(tmp_path, "models").find_version(_wait())
    assert (version, warnings) == ("0.73.1", ())

    newer = _inspect(tmp_path, "newer")
    version, (warning,) = newer.find_version(_wait())
    assert (version, warning.code) == ("9.0.0", "pi_untested")
    newer.list_models(_wait())
    assert [notice.code for notice in newer.notices] == ["pi_warning"]
