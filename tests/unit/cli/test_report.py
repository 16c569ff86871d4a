"""The report of a run: evidence is named once, and an unprinted result names its command."""

from datetime import UTC, datetime

import pytest

from millracer.cli.commands.run import report as reporting
from millracer.cli.terminal.stdout import OutputFormat, OutputLost
from millracer.domain.run.evidence import ItemFact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import DecidingEvent, RunResult, Versions
from millracer.domain.work.items import ItemState

_NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("evidence_shown", [True, False])
def test_evidence_that_the_caller_has_shown_is_not_repeated(
    capsys: pytest.CaptureFixture[str], *, evidence_shown: bool
) -> None:
    fact = ItemFact(
        item_id="it-1",
        work_kind="task",
        state=ItemState.DONE,
        source="queue/done/it-1",
        observed_at=_NOW,
    )
    result = RunResult(
        request_id="r",
        workspace="/w",
        outcome=Outcome.COMPLETED,
        output="pi's answer",
        versions=Versions(millracer="0"),
        timings={},
        event=DecidingEvent(EventKind.SCOPED_COMPLETE, "proven", _NOW),
        proof=(fact,),
    )

    reporting.report(result, OutputFormat.TEXT, evidence_shown=evidence_shown)

    assert ("queue/done/it-1" in capsys.readouterr().err) is not evidence_shown


@pytest.mark.parametrize("watch", ["millracer watch it-1 --workspace /w", None])
def test_a_result_that_is_not_printed_names_the_command_for_it(
    watch: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OutputLost("standard output cannot be written")

    monkeypatch.setattr(reporting, "print_text", refuse)
    result = RunResult(
        request_id="r",
        workspace="/w",
        outcome=Outcome.COMPLETED,
        output="",
        versions=Versions(millracer="0"),
        timings={},
        watch_command=watch,
    )

    with pytest.raises(OutputLost) as lost:
        reporting.report(result, OutputFormat.JSON)

    assert ("millracer watch it-1" in lost.value.suggested_action) is (watch is not None)
    assert "millracer watch" not in OutputLost.suggested_action
