"""Reports of the stages that Millrace ran for a work item: result, time, tokens, model, files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Token counts of one or more model calls.

    Attributes:
        input: input tokens as the program counts them; pi excludes cached ones, codex includes
            them.
        cached: input tokens that were read from the provider's cache.
        output: output tokens.
        thinking: output tokens spent on thinking, where the program counts them; else 0.
        total: all tokens, as the program adds them up.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    thinking: int = 0
    total: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        """Return the sum."""
        return TokenUsage(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            output=self.output + other.output,
            thinking=self.thinking + other.thinking,
            total=self.total + other.total,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """One stage of a run. Paths are relative to the workspace and name existing files.

    Attributes:
        item_id: the work item; for the Arbiter, the root spec.
        run_id: Millrace's run.
        request_id: Millrace's id of this stage of the run.
        stage: such as `builder`.
        result: the terminal result, such as `BUILDER_COMPLETE`; None if the stage has not ended or
            was cut off.
        failure_class: Millrace's class of a failure.
        started_at: the start; before it the stage was queued.
        completed_at: the end; None without a result.
        seconds: the duration; None without a result.
        tokens: None if the program reported none.
        cost_usd: the cost of the tokens by the program's own prices; None if it is not known.
        cost_unknown: why it is not known; None exactly if it is.
        model: the requested model; None for the program's default.
        thinking: the requested thinking level.
        runner: the program that did the stage, such as `pi_rpc`.
        run_folder: the run's folder.
        report: the document that the stage wrote about its work.
        transcript: the event stream of the stage's program; Millrace keeps it of a failed stage
            unless configured otherwise.
        prompt: the stage's prompt.
        stdout: the program's output: the agent's last message.
        stderr: the program's error output.
    """

    item_id: str
    run_id: str
    request_id: str
    stage: str
    run_folder: str
    started_at: datetime
    plane: str | None = None
    result: str | None = None
    failure_class: str | None = None
    completed_at: datetime | None = None
    seconds: float | None = None
    tokens: TokenUsage | None = None
    cost_usd: float | None = None
    cost_unknown: str | None = "the cost was not recorded"
    model: str | None = None
    thinking: str | None = None
    runner: str | None = None
    report: str | None = None
    transcript: str | None = None
    prompt: str | None = None
    stdout: str | None = None
    stderr: str | None = None
