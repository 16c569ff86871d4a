"""Which models stages work with, and how their pi is started, as Millrace's files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millracer.domain.doctor_report import StageModel
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

    assert found == (
        StageModel(
            runner="pi_rpc",
            model="gpt",
            alias="standard",
            thinking="medium",
            stages=("builder", "checker", "arbiter"),
        ),
        StageModel(runner="codex_cli", model=None, alias=None, stages=("fixer",)),
        StageModel(runner="pi_rpc", model=None, alias=None, stages=("recon",)),
    )


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
