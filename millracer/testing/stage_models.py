"""The stage models of the scripted backend: aliases, and the plan that was compiled from them."""

from __future__ import annotations

from dataclasses import replace

from millracer.domain.models import AliasModel, ModelOrigin, StageModel, StageModels
from millracer.errors import ProtocolError

_STAGES = {"standard": ("builder", "checker", "updater", "recon"), "deep": ("arbiter",)}
_STOCK = (
    AliasModel(alias="deep", model="gpt-5.5", thinking="xhigh", origin=ModelOrigin.DEFAULT),
    AliasModel(alias="fast", model="gpt-5.4-mini", thinking="high", origin=ModelOrigin.DEFAULT),
    AliasModel(alias="standard", model="gpt-5.5", thinking="medium", origin=ModelOrigin.DEFAULT),
)


class ScriptedStageModels:
    """Millrace's model aliases in memory.

    Args:
        is_initialised: a mode is compiled, and its stages use the model of `ScriptedAgent`;
            otherwise the aliases have Millrace's defaults and no mode is compiled.
    """

    def __init__(self, *, is_initialised: bool) -> None:
        self._aliases = {alias.alias: alias for alias in _STOCK}
        self._runner = "pi_rpc"
        self._compiled: StageModels | None = None
        if is_initialised:
            self.set(tuple(replace(alias, model="scripted/model") for alias in _STOCK))
            self.compile("lad_pi")

    def read(self) -> StageModels:
        """Return the compiled models.

        Raises:
            ProtocolError: no mode was compiled.
        """
        if self._compiled is None:
            raise ProtocolError("millrace", "no mode was compiled")
        return self._compiled

    def set(self, changes: tuple[AliasModel, ...]) -> None:
        """Change aliases; `compile` makes the change effective."""
        for change in changes:
            self._aliases[change.alias] = replace(change, origin=ModelOrigin.WORKSPACE)

    def uses(self, model: str, *aliases: str, runner: str = "pi_rpc") -> None:
        """Give the stages of some or all aliases a model and a runner, already compiled."""
        for alias in aliases or tuple(self._aliases):
            self.set((replace(self._aliases[alias], model=model),))
        self._runner = runner
        self.compile("lad_pi")

    def compile(self, mode_id: str) -> None:
        """Compile a mode; the modes of codex run on `codex_cli`."""
        runner = "codex_cli" if "codex" in mode_id else self._runner
        self._compiled = StageModels(
            mode=mode_id,
            stages=tuple(
                StageModel(
                    runner=runner,
                    on_agent=runner == "pi_rpc",
                    model=self._aliases[alias].model,
                    alias=alias,
                    thinking=self._aliases[alias].thinking,
                    origin=self._aliases[alias].origin,
                    stages=stages,
                )
                for alias, stages in _STAGES.items()
            ),
            aliases=tuple(self._aliases.values()),
        )
