"""Probes and ideas followed to the one proof that closes them, on the real Millrace."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from millracer.demo.scripted_model import (
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.run.prompts import NOTICE_MARK, REPORT_MARK
from tests.support.cli import Millracer, Ran, stored, wait_until
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

BLOCKED = (Step(marker="BLOCKED"),)
THREE_TASKS = (Step(tasks=({"id": "t-one"}, {"id": "t-two"}, {"id": "t-three"})),)
STUCK_RECON = (Step(marker="RECON_TO_EXECUTION", no_artifacts=True),)


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[[Scenario], Millracer]:
    """Prepare a workspace whose stages play a scenario."""

    def build(scenario: Scenario) -> Millracer:
        workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
        return Millracer(workspace, millrace_command)

    return build


def delegate(millracer: Millracer, kind: str, *arguments: str) -> Ran:
    """Run one forced delegation of a kind, without pi."""
    return millracer.run(
        *("--route", "millrace", "--intake", kind, "--finalizer", "summary"),
        *arguments,
        "Look into it",
    )


def recon(marker: str) -> Scenario:
    """A probe whose recon ends so; all else succeeds."""
    return Scenario({"recon": (Step(marker=marker),)})


def lineage(ran: Ran) -> dict[str, tuple[str, str]]:
    """Return kind and state of every member by its id."""
    return {
        member["work_item_id"]: (member["kind"], member["state"])
        for member in ran.result["lineage"]
    }


def assert_completed(ran: Ran, kind: str) -> None:
    """The run ended with the proof of its own item."""
    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert ran.result["scoped_completion"] is True
    assert ran.result["event"]["kind"] == kind
    assert ran.result["missing_evidence"] == []
    assert all(entry["source"] for entry in ran.result["completion_evidence"])


@pytest.mark.ending
def test_a_probe_is_followed_to_its_task(prepare: Callable[[Scenario], Millracer]) -> None:
    ran = delegate(prepare(recon("RECON_TO_EXECUTION")), "probe")

    assert_completed(ran, "scoped_complete")
    item_id = ran.result["work_item_id"]
    assert lineage(ran)[item_id] == ("probe", "done")
    assert ("task", "done") in lineage(ran).values()
    stages = {event["stage"] for event in ran.result["progress_events"] if event["stage"]}
    assert {"recon", "updater"} <= stages


@pytest.mark.ending
def test_an_idea_is_followed_to_the_arbiters_word(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario())
    ran = delegate(millracer, "idea")

    assert_completed(ran, "arbiter_complete")
    kinds = {kind for kind, _ in lineage(ran).values()}
    assert {"spec", "task"} <= kinds
    spec_id = next(item_id for item_id, (kind, _) in lineage(ran).items() if kind == "spec")
    by_spec = millracer.start(spec_id, command="watch").finish()
    assert by_spec.result["work_item_id"] == ran.result["work_item_id"]
    assert_completed(by_spec, "arbiter_complete")


def test_recons_word_that_nothing_is_to_do_completes_a_probe(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    assert_completed(delegate(prepare(recon("RECON_NOOP")), "probe"), "scoped_complete")


@pytest.mark.slow
def test_a_probe_sent_to_planning_needs_the_arbiter(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    ran = delegate(prepare(recon("RECON_TO_PLANNING")), "probe")

    if ran.result["versions"]["millrace"].startswith(("0.18.", "0.19.")):
        assert (ran.exit_code, ran.result["outcome"]) == (3, "incomplete"), ran.stderr
        assert ran.result["missing_evidence"]
    else:
        assert_completed(ran, "arbiter_complete")


def test_a_probe_that_recon_blocks_is_blocked(prepare: Callable[[Scenario], Millracer]) -> None:
    ran = delegate(prepare(recon("RECON_BLOCKED")), "probe")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr


@pytest.mark.slow
def test_a_probe_whose_task_is_blocked_is_blocked_and_names_it(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    scenario = Scenario(
        {
            "recon": (Step(marker="RECON_TO_EXECUTION"),),
            **dict.fromkeys(("builder", "troubleshooter", "consultant"), BLOCKED),
        }
    )

    millracer = prepare(scenario)
    ran = delegate(millracer, "probe")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    (blocked,) = [item for item, place in lineage(ran).items() if place == ("task", "blocked")]
    assert blocked in ran.result["event"]["reason"]
    (retry,) = [step for step in ran.result["next_steps"] if step["action"] == "retry"]
    subprocess.run(retry["command"], shell=True, check=True, timeout=60)  # noqa: S602 - as a person would
    place = stored(millracer.workspace, blocked)
    assert place is not None
    assert place.parent.name == "queue"


@pytest.mark.slow
def test_a_first_verdict_that_asks_for_more_is_progress(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario({"arbiter": (Step(marker="REMEDIATION_NEEDED"), Step())}))

    ran = delegate(millracer, "idea")

    assert_completed(ran, "arbiter_complete")
    assert millracer.workspace.stages().count("arbiter") == 2
    assert "incident" in {kind for kind, _ in lineage(ran).values()}


@pytest.mark.slow
def test_one_of_three_tasks_blocked_blocks_the_idea_and_is_named(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    scenario = Scenario(
        {
            "manager": THREE_TASKS,
            **{f"{stage}:t-two": BLOCKED for stage in ("builder", "troubleshooter", "consultant")},
        }
    )

    ran = delegate(prepare(scenario), "idea")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    assert "t-two" in ran.result["event"]["reason"]
    places = lineage(ran)
    assert places["t-two"] == ("task", "blocked")
    assert places["t-one"] == places["t-three"] == ("task", "done")


@pytest.mark.slow
def test_the_same_words_twice_are_two_ideas_and_the_same_request_twice_is_one(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario())

    first, second = delegate(millracer, "idea"), delegate(millracer, "idea")
    named = [delegate(millracer, "idea", "--request-id", "req-1") for _ in range(2)]

    for ran in (first, second, *named):
        assert_completed(ran, "arbiter_complete")
    assert first.result["work_item_id"] != second.result["work_item_id"]
    assert named[0].result["work_item_id"] == named[1].result["work_item_id"]
    assert named[1].warning_codes == ["already_completed"]
    assert millracer.workspace.stages().count("arbiter") == 3


@pytest.mark.ending
def test_a_recon_that_never_gets_anywhere_is_stuck(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    ran = delegate(
        prepare(Scenario({"recon": STUCK_RECON})), "probe", "--daemon-timeout-seconds", "90"
    )

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    if ran.result["versions"]["millrace"].startswith(("0.18.", "0.19.")):
        assert ran.result["event"]["kind"] == "blocked"  # those block it by themselves
        return
    assert ran.result["event"]["kind"] == "stuck"
    assert ran.result["event"]["reason"].startswith("no progress: ")
    assert [step["action"] for step in ran.result["next_steps"]] == ["continue", "cancel"]


@pytest.mark.slow
def test_a_dependency_that_cannot_be_met_is_named(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    scenario = Scenario(
        {"recon": (Step(marker="RECON_TO_EXECUTION", task={"depends_on": ["no-such-task"]}),)}
    )

    ran = delegate(prepare(scenario), "probe", "--daemon-timeout-seconds", "40")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    assert ran.result["event"]["kind"] == "stuck"
    assert "no-such-task" in ran.result["event"]["reason"]


@pytest.mark.slow
def test_a_task_sent_to_planning_is_blocked_and_its_continuation_is_named(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    scenario = Scenario(
        {
            "builder": (Step(marker="BLOCKED"), Step(seconds=5)),
            "troubleshooter": BLOCKED,
            "consultant": (Step(marker="NEEDS_PLANNING"),),
        }
    )

    ran = delegate(prepare(scenario), "task")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    assert any("incident" in gap["found"] for gap in ran.result["missing_evidence"])


@pytest.mark.slow
def test_an_idea_goes_through_anothers_mailbox(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario())
    root = str(millracer.workspace.root)
    daemon = subprocess.Popen(
        (millracer.millrace, "run", "daemon", "--mode", "default_pi", "--workspace", root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        snapshot = millracer.workspace.agents / "state" / "runtime_snapshot.json"
        wait_until(
            lambda: '"process_running": true' in snapshot.read_text(encoding="utf-8"),
            "the daemon boots",
        )
        ran = delegate(millracer, "idea")

        assert_completed(ran, "arbiter_complete")
        assert daemon.poll() is None
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)


@pytest.mark.slow
def test_pi_hears_once_of_each_stage_that_matters_in_the_same_conversation(
    prepare: Callable[[Scenario], Millracer], tmp_path: Path, pi_command: str
) -> None:
    notified: list[str] = []
    turns: list[int] = []

    def respond(request: ModelRequest) -> Reply:
        turns.append(sum(message.get("role") == "user" for message in request.messages))
        if NOTICE_MARK in request.last_user_text:
            notified.append(request.last_user_text)
            return Reply.text("Noted.")
        assert REPORT_MARK in request.last_user_text
        return Reply.text("It is done.")

    slow = {stage: (Step(seconds=3),) for stage in ("builder", "checker", "updater", "arbiter")}
    millracer = prepare(Scenario(dict(slow)))
    with ScriptedModel(respond) as model:
        write_agent_directory(tmp_path / "agent", model.base_url)
        millracer.pi = pi_command
        millracer.environment = agent_environment(tmp_path / "agent", tmp_path)
        ran = millracer.run(
            *("--provider", "scripted", "--model", "scripted-model"),
            *("--route", "millrace", "--intake", "idea", "Look into it"),
        )

    assert_completed(ran, "arbiter_complete")
    assert ran.result["output"] == "It is done."
    assert turns == list(range(1, len(turns) + 1))
    assert [sum(stage in text for text in notified) for stage in ("manager", "updater")] == [1, 1]
    kinds = [event["kind"] for event in ran.result["progress_events"]]
    assert kinds.count("stage_notified") == len(notified)
