"""The parts of Millrace's compiled plan and configuration that name a stage's runner and model."""

from __future__ import annotations

from pydantic import Field

from millracer.millrace.wire.json_documents import Theirs


class PlanNode(Theirs):
    """One stage of a plan."""

    node_id: str
    runner_name: str
    model_name: str | None = None
    model_assignment_alias_id: str | None = None
    model_assignment_source: str | None = None
    thinking_level: str | None = None


class PlanGraph(Theirs):
    """The stages of one plane."""

    nodes: tuple[PlanNode, ...]


class CompiledPlan(Theirs):
    """`state/compiled_plan.json`."""

    mode_id: str = ""
    graphs_by_plane: dict[str, PlanGraph | None]


class PiRunner(Theirs):
    """`[runners.pi]` of `millrace.toml`."""

    command: str = "pi"
    args: tuple[str, ...] = ()
    provider: str | None = None
    env: dict[str, str] = Field(default_factory=dict)

    @property
    def is_stock(self) -> bool:
        """Whether the stages run the pi on PATH, with the daemon's environment."""
        return self.command == "pi" and not self.args and not self.env


class Runners(Theirs):
    """`[runners]`."""

    pi: PiRunner = PiRunner()


class Alias(Theirs):
    """One alias of `[model_aliases]`."""

    model: str | None = None
    thinking_level: str | None = None


class MillraceConfig(Theirs):
    """`millrace-agents/millrace.toml`."""

    runners: Runners = Runners()
    model_aliases: dict[str, Alias] = Field(default_factory=dict)
