import pytest

from millracer.cancellation import Cancellation
from millracer.domain.requests import Decision, Route, RunRequest
from millracer.errors import ModeConflict, WorkspaceUnusable
from millracer.run.context import RunContext
from millracer.run.prepare.mode import reconcile_with_daemon, settle_mode
from millracer.testing.backend import ScriptedBackend


def run(
    *, mode: str | None = None, session: str | None = None, pi: str | None = None
) -> RunContext:
    return RunContext(
        request=RunRequest(task="t", request_id="r", mode=mode, session_mode=session),
        cancellation=Cancellation(),
        decision=Decision(route=Route.MILLRACE, why="w", mode=pi),
    )


def codes(record: RunContext) -> list[str]:
    return [warning.code for warning in record.warnings]


@pytest.mark.parametrize(
    ("caller", "session", "pi", "settled"),
    [
        ("learning_pi", "lad_pi", "lad_codex", "learning_pi"),
        (None, "lad_pi", "lad_codex", "lad_pi"),
        (None, None, "lad_codex", "lad_codex"),
        (None, None, None, "default_pi"),
    ],
)
def test_the_first_who_names_a_mode_settles_it(
    caller: str | None, session: str | None, pi: str | None, settled: str
) -> None:
    millrace, record = ScriptedBackend(), run(mode=caller, session=session, pi=pi)

    settle_mode(record, millrace)

    assert record.mode == settled
    assert millrace.validated == [settled]
    assert codes(record) == []


def test_without_a_decision_the_default_is_settled() -> None:
    record = run()
    record.decision = None

    settle_mode(record, ScriptedBackend())

    assert record.mode == "default_pi"


@pytest.mark.parametrize("named", [{"mode": "no_such"}, {"session": "no_such"}])
def test_a_refused_mode_of_the_caller_or_the_session_is_not_replaced(
    named: dict[str, str],
) -> None:
    millrace, record = ScriptedBackend(), run(**named)
    millrace.rejects_mode("no_such")

    with pytest.raises(WorkspaceUnusable, match=r"no_such .*Unknown mode id"):
        settle_mode(record, millrace)
    assert millrace.validated == ["no_such"]
    assert record.mode is None


def test_a_refused_default_is_tried_once_and_makes_the_workspace_unusable() -> None:
    millrace, record = ScriptedBackend(), run()
    millrace.rejects_mode("default_pi")

    with pytest.raises(WorkspaceUnusable, match="default_pi"):
        settle_mode(record, millrace)
    assert millrace.validated == ["default_pi"]


def test_a_refused_mode_of_pi_gives_way_to_a_default_that_must_be_valid_too() -> None:
    millrace, record = ScriptedBackend(), run(pi="no_such")
    millrace.rejects_mode("no_such")
    millrace.rejects_mode("default_pi")

    with pytest.raises(WorkspaceUnusable):
        settle_mode(record, millrace)
    assert codes(record) == ["mode_unavailable"]
    assert millrace.validated == ["no_such", "default_pi"]


def test_a_booting_daemon_is_waited_for_until_it_says_its_mode() -> None:
    millrace, record = ScriptedBackend(), run()
    millrace.has_daemon(mode_id=None, booting=True)
    millrace.will_do("running", lambda: None)
    millrace.will_do("running", lambda: None)
    millrace.will_do("running", lambda: millrace.has_daemon(mode_id="learning_lad_pi"))

    settle_mode(record, millrace)

    assert record.mode == "learning_lad_pi"
    assert codes(record) == ["mode_of_daemon"]
    assert millrace.calls.count("running") == 3


def test_a_daemon_that_never_says_its_mode_is_a_warning() -> None:
    millrace, record = ScriptedBackend(), run()
    millrace.has_daemon(mode_id=None)

    settle_mode(record, millrace)

    assert (record.mode, codes(record)) == ("default_pi", ["mode_unknown"])


@pytest.mark.parametrize("named", [{"mode": "lad_codex"}, {"session": "lad_codex"}])
def test_another_mode_than_the_callers_or_the_sessions_is_a_conflict(
    named: dict[str, str],
) -> None:
    millrace, record = ScriptedBackend(), run(**named)
    millrace.has_daemon(mode_id="lad_pi")

    with pytest.raises(ModeConflict, match=r"lad_pi.*lad_codex"):
        settle_mode(record, millrace)
    assert record.mode is None


def test_pis_wish_gives_way_to_the_running_daemon_with_a_warning() -> None:
    millrace, record = ScriptedBackend(), run(pi="lad_codex")
    daemon = millrace.has_daemon(mode_id="lad_pi")

    with millrace.supervisor.control(record.wait) as control:
        reconcile_with_daemon(record, control, daemon)
        reconcile_with_daemon(record, control, daemon)

    assert (record.mode, codes(record)) == ("lad_pi", ["mode_of_daemon"])


def test_a_daemon_that_never_says_its_mode_contradicts_no_choice() -> None:
    millrace, record = ScriptedBackend(), run(mode="lad_codex")
    millrace.has_daemon(mode_id=None)

    settle_mode(record, millrace)

    assert codes(record) == ["mode_unknown"]


def test_an_alias_of_the_daemons_mode_is_the_same_mode() -> None:
    millrace, record = ScriptedBackend(), run(mode="default_pi")
    millrace.has_daemon(mode_id="lad_pi")

    settle_mode(record, millrace)

    assert (record.mode, codes(record)) == ("lad_pi", [])


def test_a_daemon_that_went_while_it_booted_is_asked_no_more() -> None:
    millrace, record = ScriptedBackend(), run()
    millrace.has_daemon(mode_id=None, booting=True)
    millrace.will_do("running", lambda: None)
    millrace.will_do("running", lambda: setattr(millrace, "daemon", None))

    settle_mode(record, millrace)

    assert codes(record) == ["mode_unknown"]
    assert millrace.calls.count("running") == 2
