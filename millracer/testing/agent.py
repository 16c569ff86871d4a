"""An agent with scripted turns.

    pi = ScriptedAgent()
    pi.will_say("Decision: direct")
    pi.will_fail("429 too many requests")

`prompts` records the prompts. A turn beyond the script fails the test.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from millracer.cancellation import Wait
from millracer.domain.models import AgentModels, Model
from millracer.domain.run.usage import NO_TURNS, AgentUsage
from millracer.domain.work.stages import TokenUsage
from millracer.errors import MillracerError, RunWarning, ToolFailed, ToolTimeout
from millracer.ports import Agent, TextListener

#: The model that a scripted agent selects, and has credentials for.
SCRIPTED_MODEL = Model(provider="scripted", model_id="model")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    text: str = ""
    deltas: tuple[str, ...] = ()
    error: MillracerError | None = None
    hangs: bool = False
    before: Callable[[], None] | None = None


class ScriptedModels(Agent):
    """Base of an agent whose models do not matter: it has one usable model."""

    def list_models(self, wait: Wait, *, from_cache: bool = False) -> AgentModels:
        """Return the one model as selected and usable."""
        return AgentModels(selected=SCRIPTED_MODEL, usable=(SCRIPTED_MODEL,))

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Return the one model."""
        return SCRIPTED_MODEL


class ScriptedAgent(Agent):
    """Answers as scripted; a turn beyond the script fails the test.

    Attributes:
        prompts: the received prompts, oldest first.
        begun: how often `begin` was called.
        closed: whether the conversation was closed.
        pending_notices: the warnings that `notices` returns.
        models: what `list_models` returns, or the error that it raises.
        cached_models: what it returns from the cache; None: nothing is cached.
        resolved: the model or error of each name that `resolve_model` gets; empty: the one
            scripted model for every name.
        listed: how often the models were listed, from the cache or not.
    """

    def __init__(self, *answers: str, version: str = "1.6.0") -> None:
        self.prompts: list[str] = []
        self.begun = 0
        self.closed = False
        self.pending_notices: tuple[RunWarning, ...] = ()
        self.models: AgentModels | MillracerError = AgentModels(
            selected=SCRIPTED_MODEL, usable=(SCRIPTED_MODEL,)
        )
        self.cached_models: AgentModels | None = None
        self.resolved: dict[str | None, Model | MillracerError | None] = {}
        self.listed = 0
        self._version = version
        self._usage = NO_TURNS
        self._begin_error: MillracerError | None = None
        self._steps: deque[_Step] = deque()
        for answer in answers:
            self.will_say(answer)

    @property
    def unused_turns(self) -> int:
        """The number of scripted turns that were not used."""
        return len(self._steps)

    def will_say(
        self,
        text: str,
        *,
        deltas: Sequence[str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Answer the next turn; `before` is called while pi works."""
        if not text.strip():
            raise ValueError("pi never answers with nothing; script a failure instead")
        pieces = (text,) if deltas is None else tuple(deltas)
        self._steps.append(_Step(text=text, deltas=pieces, before=before))

    def will_fail(
        self, failure: MillracerError | str, *, before: Callable[[], None] | None = None
    ) -> None:
        """End the next turn with an error; a text becomes the model's error message."""
        error = ToolFailed("pi", failure) if isinstance(failure, str) else failure
        self._steps.append(_Step(error=error, before=before))

    def will_hang(self, *, before: Callable[[], None] | None = None) -> None:
        """Never end the next turn: only the caller's wait ends it."""
        self._steps.append(_Step(hangs=True, before=before))

    def will_not_begin(self, error: MillracerError) -> None:
        """Refuse to start."""
        self._begin_error = error

    @property
    def version(self) -> str | None:
        """The version; None before the first `begin`."""
        return self._version if self.begun else None

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        return self.pending_notices

    @property
    def usage(self) -> AgentUsage:
        """Every turn used a second, 100 tokens and a cent."""
        return self._usage

    def begin(self) -> None:
        """Count the start, or refuse it as scripted."""
        if self._begin_error is not None:
            raise self._begin_error
        if self.closed:
            raise ToolFailed("pi", "the conversation with pi is closed")
        self.begun += 1

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        """Play the next scripted turn."""
        _refuse_spent(wait)
        self.begin()
        self.prompts.append(prompt)
        if not self._steps:
            raise AssertionError(f"pi was asked once more than the script foresees: {prompt!r}")
        step = self._steps.popleft()
        self._usage = replace(
            self._usage,
            turns=self._usage.turns + 1,
            seconds=self._usage.seconds + 1.0,
            tokens=self._usage.tokens + TokenUsage(input=80, output=20, total=100),
            cost_usd=self._usage.cost_usd + 0.01,
            model="scripted/scripted-model",
        )
        if step.before is not None:
            step.before()
        if step.hangs:
            if wait.deadline is None and wait.cancellation.reason is None:
                raise AssertionError("a turn that hangs was given no deadline")
            wait.sleep(wait.remaining)
        _refuse_spent(wait)
        if step.error is not None:
            raise step.error
        if on_text is not None:
            for piece in step.deltas:
                on_text(piece)
        return step.text

    def list_models(self, wait: Wait, *, from_cache: bool = False) -> AgentModels:
        """Return the models, or raise the scripted error."""
        wait.cancellation.raise_if_cancelled()
        self.listed += 1
        if from_cache and self.cached_models is not None:
            return self.cached_models
        if isinstance(self.models, MillracerError):
            raise self.models
        return self.models

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Return the scripted model of a name, or raise the scripted error."""
        wait.cancellation.raise_if_cancelled()
        found = self.resolved[model] if self.resolved else SCRIPTED_MODEL
        if isinstance(found, MillracerError):
            raise found
        return found

    def close(self, wait: Wait) -> None:
        """Record the call."""
        self.closed = True


def _refuse_spent(wait: Wait) -> None:
    wait.cancellation.raise_if_cancelled()
    if wait.expired:
        raise ToolTimeout("pi", "pi's turn did not end in its time and was aborted")
