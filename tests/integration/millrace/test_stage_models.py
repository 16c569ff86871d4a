"""Which models stages work with, and how their pi is started, as Millrace's files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millracer.domain.models import ModelOrigin, StageModel
from millracer.errors import ProtocolError
from millracer.millrace.stage_models import read_pi_runner, read_stage_models
from millracer.millrace.wire.compiled_plan import PiRunner


def _node(name: str, model: str | None = None, **more: object) -> dict[str, object]:
    return {"node_id": name, "runner_name": "pi_rpc", "model_name": model, **more}


def _write(root: Path, name: str, text: str) -> Path:
    path = root / "millrace-agents" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_stages_with_one_model_are_reported_together(tmp_path: Path) -> None:
    standard = {"model_assignment_alias_id": "standard", "thinking_level": "medium"}
    plan = {
        "mode_id": "lad_pi",
        "graphs_by_plane": {
            "execution": {
                "nodes": [
                    _node("builder", "gpt", **standard),
                    _node("checker", "gpt", **standard),
                    {"node_id": "fixer", "runner_name": "codex_cli"},
                ]
            },
            "planning": {"nodes": [_node("recon"), _node("arbiter", "gpt", **standard)]},
            "learning": None,
        },
        "more": 1,
    }
    _write(tmp_path, "state/compiled_plan.json", json.dumps(plan))

    found = read_stage_models(tmp_path)

    assert found.mode == "lad_pi"
    assert found.stages == (
        StageModel(
            runner="pi_rpc",
            model="gpt",
            alias="standard",
            thinking="medium",
            origin=ModelOrigin.DEFAULT,
            stages=("builder", "checker", "arbiter"),
        ),
        StageModel(
            runner="codex_cli",
            on_agent=False,
            model=None,
            alias=None,
            origin=ModelOrigin.RUNNER,
            stages=("fixer",),
        ),
        StageModel(
            runner="pi_rpc",
            model=None,
            alias=None,
            origin=ModelOrigin.RUNNER,
            stages=("recon",),
        ),
    )


def _plan(root: Path, *nodes: dict[str, object]) -> None:
    plan = {"mode_id": "lad_pi", "graphs_by_plane": {"execution": {"nodes": nodes}}}
    _write(root, "state/compiled_plan.json", json.dumps(plan))


def test_aliases_are_millraces_own_as_the_workspace_changes_and_extends_them(
    tmp_path: Path,
) -> None:
    _plan(tmp_path, _node("builder", "a/b", model_assignment_alias_id="standard"))
    config = """
        [model_aliases.standard]
        model = "a/b"
        [model_aliases.mine]
        model = "c/d"
        thinking_level = "low"
    """
    _write(tmp_path, "millrace.toml", config)

    found = read_stage_models(tmp_path)

    assert found.stages[0].origin is ModelOrigin.WORKSPACE
    assert [(str(each), str(each.origin)) for each in found.aliases] == [
        ("deep=gpt-5.5:xhigh", "default"),
        ("fast=gpt-5.4-mini:high", "default"),
        ("standard=a/b:medium", "workspace"),
        ("mine=c/d:low", "workspace"),
    ]


def test_a_plan_without_aliases_has_none(tmp_path: Path) -> None:
    _plan(tmp_path, _node("builder"))

    assert read_stage_models(tmp_path).aliases == ()


def test_an_alias_that_the_mode_defines_is_fixed_by_it(tmp_path: Path) -> None:
    of_mode = {"model_assignment_source": "mode:stage:builder"}
    _plan(
        tmp_path,
        _node("builder", "m", model_assignment_alias_id="codex_max", **of_mode),
        _node("arbiter", "gpt-5.5", model_assignment_alias_id="deep", **of_mode),
    )

    found = read_stage_models(tmp_path)

    assert [each.origin for each in found.stages] == [ModelOrigin.MODE, ModelOrigin.DEFAULT]
    assert [each.stages for each in found.fixed()] == [("builder",)]


@pytest.mark.parametrize("own", ['command = "/opt/other"', 'args = ["-x"]', 'env = {KEY = "x"}'])
def test_a_pi_of_the_users_own_is_named_and_not_checked(tmp_path: Path, own: str) -> None:
    _plan(tmp_path, _node("builder", "m"))
    _write(tmp_path, "millrace.toml", f"[runners.pi]\n{own}\n")

    (stage,) = read_stage_models(tmp_path).stages

    assert not stage.on_agent
    assert stage.runner in {"/opt/other", "pi"}


@pytest.mark.parametrize("text", [None, "{", "{}", '{"graphs_by_plane": {"execution": {}}}'])
def test_an_unreadable_plan_is_reported(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        _write(tmp_path, "state/compiled_plan.json", text)

    with pytest.raises(ProtocolError, match="plan"):
        read_stage_models(tmp_path)


def test_the_stages_pi_is_the_one_of_millrace_by_default(tmp_path: Path) -> None:
    assert read_pi_runner(tmp_path) == PiRunner()
    _write(tmp_path, "millrace.toml", "[runtime]\nx = 1\n")
    assert read_pi_runner(tmp_path).command == "pi"


def test_the_stages_pi_is_as_the_configuration_says(tmp_path: Path) -> None:
    text = '[runners.pi]\ncommand = "/p"\nargs = ["-a"]\nprovider = "s"\nenv = {A = "b"}\n'
    _write(tmp_path, "millrace.toml", text)

    assert read_pi_runner(tmp_path) == PiRunner(
        command="/p", args=("-a",), provider="s", env={"A": "b"}
    )


@pytest.mark.parametrize("text", ["[runners", "[runners.pi]\nargs = 3\n"])
def test_an_unreadable_configuration_is_reported_with_what_to_fix(
    tmp_path: Path, text: str
) -> None:
    _write(tmp_path, "millrace.toml", text)

    with pytest.raises(ProtocolError) as caught:
        read_pi_runner(tmp_path)
    assert "millrace-agents/millrace.toml" in (caught.value.suggested_action or "")
