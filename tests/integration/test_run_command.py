"""What the command line makes of its options, and of how a run ends; nothing real is started."""

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason
from millracer.cli.app import invoke
from millracer.cli.process.signals import signals_raise
from millracer.domain.checks import CheckPlace, DemandedChecks
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    Limits,
    RoutePreference,
    RunRequest,
)
from millracer.domain.run.completion import NOWHERE, MissingEvidence
from millracer.domain.run.evidence import ItemFact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import DecidingEvent, ErrorRecord, NextStep, RunResult, Versions
from millracer.domain.run.usage import AgentUsage
from millracer.domain.work.items import ItemState
from millracer.domain.work.stages import TokenUsage
from millracer.errors import RunWarning, UsageError
from millracer.ports import ProgressListener, TextListener
from millracer.ports.event_log import LogListener
from millracer.run.summary import summary_of
from millracer.wiring import BackendFactory, Settings, tool_factory
from millracer.wiring.attempt_end import AttemptReports


@dataclass
class Stand:
    """Replaces the real tools, and records its calls."""

    result: RunResult | None = None
    error: BaseException | None = None
    settings: list[Settings] = field(default_factory=list)
    requests: list[RunRequest] = field(default_factory=list)
    listeners: list[Sequence[ProgressListener]] = field(default_factory=list)
    backends: list[BackendFactory] = field(default_factory=list)

    @contextmanager
    def open(  # noqa: PLR0913 - the same as what it stands for
        self,
        settings: Settings,
        cancellation: Cancellation,
        *,
        backends: BackendFactory,
        listeners: Sequence[ProgressListener] = (),
        on_text: TextListener | None = None,
        on_log: "LogListener | None" = None,
        reports: AttemptReports,
    ) -> Iterator["Stand"]:
        assert cancellation.reason is None
        self.backends.append(backends)
        self.settings.append(settings)
        self.listeners.append(listeners)
        yield self

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        assert cancellation.reason is None
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return self.result or ended(Outcome.COMPLETED)


def ended(outcome: Outcome, **fields: Any) -> RunResult:
    return RunResult(
        request_id="r",
        workspace="/",
        outcome=outcome,
        output="The answer.",
        versions=Versions(millracer="0"),
        timings={},
        **fields,
    )


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    stand = Stand()
    monkeypatch.setattr(tool_factory, "open_orchestrator", stand.open)
    return stand


def test_without_options_the_documented_defaults_hold(stand: Stand) -> None:
    assert invoke(["run", "--workspace", "/", "Fix", "the", "tests"]) == 0

    (request,), (settings,) = stand.requests, stand.settings
    assert request.request_id.startswith("run-")
    assert request == RunRequest(task="Fix the tests", request_id=request.request_id)
    assert request.limits == Limits()
    assert (settings.workspace, settings.cwd) == (Path("/"), Path("/"))
    assert (settings.millrace, settings.pi) == (("millrace",), ("pi",))
    options = settings.options
    assert (options.provider, options.model, options.thinking) == (None, None, "high")
    assert (options.skill, options.no_default_skills) == ((), False)
    assert options.poll_interval_seconds == 60.0
    assert len(stand.listeners[0]) == 1


def test_every_option_reaches_the_run(stand: Stand) -> None:
    code = invoke(
        [
            "run", "--workspace", "/", "--cwd", "/usr", "--route", "millrace", "--intake", "probe",
            "--millrace-mode", "lad_pi", "--thinking", "low", "--provider", "p", "--model", "m",
            "--skill", "/skill-1", "--skill", "/skill-2", "--no-default-skills",
            "--daemon-timeout-seconds", "11", "--max-daemon-restarts", "3",
            "--poll-interval-seconds", "12", "--pi-timeout-seconds", "13", "--keep-daemon",
            "--pi-command", "my-pi --flag", "--millrace-command", "my-millrace",
            "--request-id", "req", "--finalizer", "summary", "--quiet", "Do it",
        ]
    )  # fmt: skip

    assert code == 0
    (request,), (settings,) = stand.requests, stand.settings
    assert request == RunRequest(
        task="Do it",
        request_id="req",
        request_id_named=True,
        route=RoutePreference.MILLRACE,
        intake=IntakePreference.PROBE,
        mode="lad_pi",
        finalizer=Finalizer.SUMMARY,
        keep_daemon=True,
        limits=Limits(daemon_timeout_seconds=11, pi_timeout_seconds=13, max_daemon_restarts=3),
    )
    assert (settings.workspace, settings.cwd) == (Path("/"), Path("/usr"))
    assert (settings.millrace, settings.pi) == (("my-millrace",), ("my-pi", "--flag"))
    options = settings.options
    assert (options.provider, options.model, options.thinking) == ("p", "m", "low")
    assert options.skill == ("/skill-1", "/skill-2")
    assert options.no_default_skills
    assert options.poll_interval_seconds == 12
    assert stand.listeners == [()]


def test_a_check_is_split_into_words_without_a_shell(stand: Stand) -> None:
    words = ["--check", "pytest -k 'a b'", "--check", "make $HOME;", "--check-in", "workspace"]

    assert invoke(["run", "--workspace", "/", *words, "--check-timeout-seconds", "7", "T"]) == 0

    (request,) = stand.requests
    assert request.checks == DemandedChecks(
        commands=(("pytest", "-k", "a b"), ("make", "$HOME;")),
        place=CheckPlace.WORKSPACE,
        timeout_seconds=7,
    )


def test_the_variable_has_one_check_a_line(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACER_CHECK", "pytest -k 'a b'\n\nmake lint\n")

    assert invoke(["run", "--workspace", "/", "Do it"]) == 0

    assert stand.requests[0].checks.commands == (("pytest", "-k", "a b"), ("make", "lint"))


@pytest.mark.parametrize("text", ["pytest 'open", "", "  ", "''"])
def test_a_check_without_a_program_is_refused(stand: Stand, text: str) -> None:
    assert invoke(["run", "--workspace", "/", "--check", text, "Do it"]) == 2
    assert stand.requests == []


def test_resume_needs_no_task(stand: Stand) -> None:
    assert invoke(["run", "--workspace", "/", "--resume", "item-1"]) == 0

    assert (stand.requests[0].task, stand.requests[0].resume) == ("", "item-1")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such skill"), 2),
        (Cancelled(CancelReason.INTERRUPTED), 130),
        (Cancelled(CancelReason.TERMINATED), 143),
        (ZeroDivisionError("a bug"), 1),
    ],
)
def test_a_run_that_breaks_off_is_one_document_about_this_run(
    stand: Stand,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    stand.error = error

    assert code == invoke(
        ["run", "--workspace", "/", "--request-id", "req", "--output", "json", "--quiet", "t"]
    )
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["request_id"] == "req"
    assert document["scoped_completion"] is False
    assert document["missing_evidence"]
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("outcome", "code", "shown"),
    [("failed", "internal_error", 1), ("failed", "usage", 2), ("failed", "pi_failed", 0)],
)
def test_exit_zero_never_hides_a_bug_or_wrong_use(
    stand: Stand, outcome: str, code: str, shown: int
) -> None:
    stand.result = ended(Outcome(outcome), errors=(ErrorRecord(code, "m"),))

    assert shown == invoke(["run", "--workspace", "/", "--exit-zero", "--quiet", "t"])


def test_a_signal_after_the_end_takes_no_result_away(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.result = ended(Outcome.COMPLETED)
    monkeypatch.setattr(BackendFactory, "close", lambda _: signal.raise_signal(signal.SIGTERM))
    with signals_raise():
        assert invoke(["run", "--workspace", "/", "--output", "json", "--quiet", "t"]) == 0

    assert json.loads(capsys.readouterr().out)["outcome"] == "completed"


def test_a_text_caller_gets_the_answer_and_the_rest_on_standard_error(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.result = ended(
        Outcome.BLOCKED,
        warnings=(RunWarning("daemon_kept", "it runs on"),),
        errors=(ErrorRecord("code", "it broke", "mend it"), ErrorRecord("code", "and again")),
    )

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 4
    assert capsys.readouterr() == (
        "The answer.\n",
        "warning: daemon_kept: it runs on\nerror: it broke\n  next: mend it\nerror: and again\n",
    )


BLOCKED = ended(
    Outcome.BLOCKED,
    event=DecidingEvent(EventKind.BLOCKED, "Millrace blocked it", datetime(2026, 1, 1, tzinfo=UTC)),
    missing_evidence=(MissingEvidence("an item that is done", "the queue", "blocked"),),
    next_steps=(NextStep("retry", "millrace queue retry-blocked item-1"),),
)
HOW_IT_ENDED = """\
blocked: Millrace blocked it
  missing: an item that is done (looked in the queue; found blocked)
  to retry: millrace queue retry-blocked item-1
"""


def test_an_answer_of_pi_is_never_alone_where_the_work_is_not_done(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.result = replace(BLOCKED, output="All is done.")

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 4
    assert capsys.readouterr() == ("All is done.\n", HOW_IT_ENDED)


def test_the_ending_of_a_run_is_reported_once(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.result = replace(BLOCKED, output=HOW_IT_ENDED.rstrip())

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 4
    assert capsys.readouterr() == (HOW_IT_ENDED, "")

    stand.result = replace(BLOCKED, output="All is done.")
    assert invoke(["run", "--workspace", "/", "--quiet", "--output", "json", "t"]) == 4
    assert capsys.readouterr().err == ""


def test_missing_evidence_without_a_source_is_printed_without_a_place(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    gap = MissingEvidence("an item that is done", NOWHERE, "nothing was handed over")
    stand.result = replace(BLOCKED, missing_evidence=(gap,), next_steps=())

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 4
    assert (
        "\n  missing: an item that is done (nothing was handed over)\n" in capsys.readouterr().err
    )


@pytest.mark.parametrize("has_terminal", [False, True])
def test_a_failure_is_printed_once_and_on_standard_error(
    stand: Stand,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_terminal: bool,
) -> None:
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: has_terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    stand.error = UsageError("no such skill", suggested_action="name one")

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 2
    assert capsys.readouterr() == ("", "error: no such skill\n  next: name one\n")


def test_a_failure_before_any_work_names_no_missing_evidence(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    gap = MissingEvidence("an item that is done", NOWHERE, "nothing was handed over")
    failed = ended(
        Outcome.FAILED,
        event=DecidingEvent(EventKind.CRASHED, "it broke", datetime(2026, 1, 1, tzinfo=UTC)),
        errors=(ErrorRecord("code", "it broke", "fix it"),),
        missing_evidence=(gap,),
        next_steps=(NextStep("retry", "millracer retry item-1"),),
    )
    stand.result = replace(failed, output=summary_of(failed) or "")

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 8
    assert capsys.readouterr() == (
        "",
        "error: it broke\n  next: fix it\n  to retry: millracer retry item-1\n",
    )


def test_an_answer_is_rendered_on_a_terminal_and_raw_in_a_pipe(
    stand: Stand, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.result = replace(ended(Outcome.COMPLETED), output="# Title\n\nUse `it` **now**.")
    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 0
    assert capsys.readouterr().out == "# Title\n\nUse `it` **now**.\n"

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[36mit\x1b[0m" in shown
    assert "\x1b[1mnow\x1b[0m" in shown
    assert not set("#*`") & set(shown)


DONE = ended(
    Outcome.COMPLETED,
    event=DecidingEvent(EventKind.SCOPED_COMPLETE, "it is done", datetime(2026, 1, 1, tzinfo=UTC)),
    proof=(
        ItemFact(
            item_id="item-1",
            work_kind="task",
            state=ItemState.DONE,
            source="millrace queue show item-1",
            observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
    ),
)


def test_the_evidence_is_below_an_answer_of_pi(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.result = replace(DONE, output="All is done.")

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 0
    assert capsys.readouterr() == (
        "All is done.\n",
        "completed: it is done\n  evidence: task item-1 is done (millrace queue show item-1)\n",
    )


def test_on_a_terminal_the_proof_is_one_line_with_what_was_used_below_it(
    stand: Stand, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    usage = AgentUsage(turns=1, tokens=TokenUsage(total=1500))
    stand.result = replace(
        DONE, output="All is done.", agent_usage=usage, show_command="millracer show item-1"
    )

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 0
    assert capsys.readouterr().err == (
        "completed: it is done\n  2k tokens · millracer show item-1\n"
    )


def test_what_pi_did_directly_needs_no_evidence(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    stand.result = replace(DONE, output="Forty-two.", proof=())

    assert invoke(["run", "--workspace", "/", "--quiet", "t"]) == 0
    assert capsys.readouterr() == ("Forty-two.\n", "")


def test_a_document_on_a_terminal_ends_with_how_the_run_ended(
    stand: Stand, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.result = replace(BLOCKED, output="All is done.")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    assert invoke(["run", "--workspace", "/", "--quiet", "--output", "json", "t"]) == 4
    assert capsys.readouterr().err == "blocked: Millrace blocked it\n"


@pytest.mark.parametrize("words", [["run", "--check"], ["run", "x", "--output"]])
def test_an_option_without_its_value_leads_to_the_help_of_its_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(words) == 2
    assert "millracer run --help" in capsys.readouterr().err
