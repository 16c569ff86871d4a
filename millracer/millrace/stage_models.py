"""Which models a workspace's stages work with, and how Millrace starts the pi that they run on.

The models are in the plan that `compile validate` has just written; how pi is started is in
Millrace's own configuration file.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from millracer.domain.doctor_report import StageModel
from millracer.errors import ProtocolError
from millracer.millrace.commands.calls import TOOL
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.compiled_plan import CompiledPlan, MillraceConfig, PiRunner


def read_stage_models(root: Path) -> tuple[StageModel, ...]:
    """Return the models of a compiled workspace, each with its stages, in the plan's order.

    Raises:
        ProtocolError: there is no plan, or it is not what the supported versions write.
    """
    path = WorkspacePaths(root).state / "compiled_plan.json"
    try:
        plan = CompiledPlan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as exc:
        raise ProtocolError(TOOL, f"Millrace's compiled plan cannot be read: {exc}") from exc
    found: dict[StageModel, list[str]] = {}
    for graph in plan.graphs_by_plane.values():
        for node in () if graph is None else graph.nodes:
            model = StageModel(
                runner=node.runner_name,
                model=node.model_name,
                alias=node.model_assignment_alias_id,
                thinking=node.thinking_level,
                stages=(),
            )
            found.setdefault(model, []).append(node.node_id)
    return tuple(replace(model, stages=tuple(stages)) for model, stages in found.items())


def read_pi_runner(root: Path) -> PiRunner:
    """Return how the stages' pi is started; Millrace's defaults where nothing is configured.

    Raises:
        ProtocolError: the configuration is not what the supported versions read.
    """
    path = WorkspacePaths(root).agents / "millrace.toml"
    try:
        return MillraceConfig.model_validate(tomllib.loads(path.read_text("utf-8"))).runners.pi
    except FileNotFoundError:
        return PiRunner()
    except (OSError, ValueError) as exc:  # both parsers' errors are ValueErrors
        raise ProtocolError(
            TOOL,
            f"{path.name} of Millrace cannot be read: {exc}",
            suggested_action="correct `millrace-agents/millrace.toml` in the workspace",
        ) from exc
