"""A result that cannot be printed says how to get it again."""

import pytest

from millracer.cli.commands.run import report as reporting
from millracer.cli.terminal.stdout import OutputFormat, OutputLost
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult


@pytest.mark.parametrize("watch", ["millracer watch it-1 --workspace /w", None])
def test_a_result_that_is_not_printed_names_the_command_for_it(
    watch: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OutputLost("standard output cannot be written")

    monkeypatch.setattr(reporting, "print_document", refuse)
    result = RunResult(
        request_id="r", workspace="/w", outcome=Outcome.COMPLETED, output="", watch_command=watch
    )

    with pytest.raises(OutputLost) as lost:
        reporting.report(result, OutputFormat.TEXT)

    assert ("millracer watch it-1" in lost.value.suggested_action) is (watch is not None)
    assert "millracer watch" not in OutputLost.suggested_action
