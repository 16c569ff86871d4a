"""Which models a workspace's stages work with, and how Millrace starts the pi that they run on.

The models are in the plan that `compile validate` wrote last; the aliases, and how pi is started,
are in Millrace's own configuration file.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from millracer.domain.models import AliasModel, ModelOrigin, StageModel, StageModels
from millracer.errors import ProtocolError
from millracer.millrace.commands.calls import TOOL
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.compiled_plan import (
    CompiledPlan,
    MillraceConfig,
    PiRunner,
    PlanNode,
)
from millracer.system.files import read_regular

_PI_RUNNER = "pi_rpc"
_OF_MODE = "mode:"  #: how the plan marks an alias that the mode's definition chose
#: Millrace's aliases where its configuration sets none (0.20 and 0.21): model, thinking level.
_STOCK_ALIASES = {
    "deep": ("gpt-5.5", "xhigh"),
    "fast": ("gpt-5.4-mini", "high"),
    "standard": ("gpt-5.5", "medium"),
}


def read_stage_models(root: Path) -> StageModels:
    """Return the models of a compiled workspace, each with its stages, in the plan's order.

    Raises:
        ProtocolError: there is no plan, or plan or configuration cannot be read.
    """
    plan, config = _read_plan(root), _read_config(root)
    nodes = [
        node
        for graph in plan.graphs_by_plane.values()
        for node in (() if graph is None else graph.nodes)
    ]
    found: dict[StageModel, list[str]] = {}
    for node in nodes:
        found.setdefault(_model_of(node, config), []).append(node.node_id)
    has_aliases = any(node.model_assignment_alias_id is not None for node in nodes)
    return StageModels(
        mode=plan.mode_id,
        stages=tuple(replace(model, stages=tuple(stages)) for model, stages in found.items()),
        aliases=_aliases(config) if has_aliases else (),
    )


def read_pi_runner(root: Path) -> PiRunner:
    """Return how the stages' pi is started; Millrace's defaults where nothing is configured.

    Raises:
        ProtocolError: the configuration is not what the supported versions read.
    """
    return _read_config(root).runners.pi


def _read_plan(root: Path) -> CompiledPlan:
    path = WorkspacePaths(root).state / "compiled_plan.json"
    try:
        return CompiledPlan.model_validate_json(read_regular(path))
    except (OSError, ValidationError) as exc:
        raise ProtocolError(TOOL, f"Millrace's compiled plan cannot be read: {exc}") from exc


def _read_config(root: Path) -> MillraceConfig:
    path = WorkspacePaths(root).agents / "millrace.toml"
    try:
        return MillraceConfig.model_validate(tomllib.loads(read_regular(path).decode()))
    except FileNotFoundError:
        return MillraceConfig()
    except (OSError, ValueError) as exc:  # both parsers' errors are ValueErrors
        raise ProtocolError(
            TOOL,
            f"{path.name} of Millrace cannot be read: {exc}",
            suggested_action="correct `millrace-agents/millrace.toml` in the workspace",
        ) from exc


def _model_of(node: PlanNode, config: MillraceConfig) -> StageModel:
    """Return the model of one stage, without the stage."""
    pi = config.runners.pi
    is_pi = node.runner_name == _PI_RUNNER
    alias = node.model_assignment_alias_id
    return StageModel(
        runner=pi.command if is_pi and not pi.is_stock else node.runner_name,
        on_agent=is_pi and pi.is_stock,
        provider=pi.provider if is_pi else None,
        model=node.model_name,
        alias=alias,
        thinking=node.thinking_level,
        origin=_origin_of(node, config),
        stages=(),
    )


def _origin_of(node: PlanNode, config: MillraceConfig) -> ModelOrigin:
    alias = node.model_assignment_alias_id
    if node.model_name is None:
        return ModelOrigin.RUNNER
    if alias is None or alias in config.model_aliases:
        return ModelOrigin.WORKSPACE
    is_of_mode = (node.model_assignment_source or "").startswith(_OF_MODE)
    return ModelOrigin.MODE if is_of_mode and alias not in _STOCK_ALIASES else ModelOrigin.DEFAULT


def _aliases(config: MillraceConfig) -> tuple[AliasModel, ...]:
    """Return Millrace's aliases, as the configuration changes and extends them."""
    found = {}
    for alias in (*_STOCK_ALIASES, *config.model_aliases):
        stock_model, stock_thinking = _STOCK_ALIASES.get(alias, ("", ""))
        own = config.model_aliases.get(alias)
        model = (own and own.model) or stock_model
        thinking = (own and own.thinking_level) or stock_thinking
        if model and thinking:
            origin = ModelOrigin.DEFAULT if own is None else ModelOrigin.WORKSPACE
            found[alias] = AliasModel(alias=alias, model=model, thinking=thinking, origin=origin)
    return tuple(found.values())
