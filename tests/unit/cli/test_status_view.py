"""What a person reads of a status, and what a pipe gets at each change."""

from dataclasses import replace
from datetime import timedelta

from millracer.cli.commands.status.view import in_brief, status_lines
from millracer.domain.run.result import ErrorRecord
from millracer.domain.status import WorkspaceStatus
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEventKind
from millracer.domain.workspaces import Resolution, ResolutionRule
from millracer.schemas.status import StatusResult, describe_overview
from tests.unit.domain.test_status import DAEMON, NOW, event, left, says, sees


def described(overview: WorkspaceStatus, workspace_id: str | None = None) -> StatusResult:
    rule = ResolutionRule.ACTIVE_SESSION if workspace_id else ResolutionRule.CWD
    return describe_overview(
        overview, Resolution(rule=rule, root_path="/w", workspace_id=workspace_id)
    )


def test_one_screen_shows_all() -> None:
    overview = sees(
        daemon=DAEMON,
        watched=True,
        status=says(
            active_stage="builder",
            active_item_id="t1",
            active_item_kind="task",
            active_run_count=1,
            queue_depths={"execution": 1, "planning": 0},
        ),
        left=(left("t2", ItemState.QUEUED), left("t3", ItemState.BLOCKED)),
        events=(
            event(RuntimeEventKind.STAGE_STARTED, "t1", 3, stage="builder"),
            event(RuntimeEventKind.OTHER, "t3", 65, item_state=ItemState.BLOCKED, reason="no way"),
        ),
    )

    retry = "millracer retry t3"
    place, daemon, mode, active, queue, *items, warning, again, cancel = status_lines(
        described(overview, "shop"), NOW
    )

    assert place.startswith("/w ")
    assert "shop" in place
    assert daemon.startswith("  daemon  ")
    assert "7" in daemon
    assert mode == "  mode    lad_pi"
    assert active.startswith("  active  builder on t1, 3 min")
    assert queue == "  queue   execution 1 · planning 0"
    assert items == [
        "  waiting t2  t2",
        "  blocked t3  t3",
        "            no way",
        "  ended   blocked    t3  1 h ago  no way",
    ]
    assert warning.startswith("  warning 1 ")
    assert again.startswith("  next    ")
    assert again.endswith(f": {retry} --workspace /w")
    assert cancel.endswith(": millracer cancel t3 --workspace /w")


def test_the_default_mode_has_its_own_name_and_json_keeps_millraces_name() -> None:
    default = described(sees(daemon=DAEMON, default_mode_id="lad_pi"))
    other = described(sees(daemon=replace(DAEMON, mode_id="lad_codex"), default_mode_id="lad_pi"))
    older = described(sees(daemon=replace(DAEMON, mode_id="default_pi")))

    shown = [status_lines(each, NOW)[2].split(maxsplit=1)[1] for each in (default, other, older)]
    assert shown == ["default_pi (alias of lad_pi)", "lad_codex", "default_pi"]
    documents = [each.model_dump()["daemon"] for each in (default, other, older)]
    assert [each["mode"] for each in documents] == ["lad_pi", "lad_codex", "default_pi"]
    assert [each["mode_alias"] for each in documents] == ["default_pi", None, None]


def test_many_items_are_cut_and_their_words_stay_on_one_line() -> None:
    many = [left(f"t{number}", ItemState.QUEUED) for number in range(8)]
    many[0] = replace(many[0], title="x" * 100 + "\nforged  daemon  none")

    lines = status_lines(described(sees(daemon=DAEMON, left=tuple(many))), NOW)

    (rest,) = (line for line in lines if line.startswith("          …"))
    assert "3" in rest.split()
    assert f"  waiting t0  {'x' * 59}…" in lines
    assert not any("forged" in line for line in lines)


def test_a_place_without_millrace_says_so() -> None:
    document = described(sees(initialised=False, status=None))

    place, without_millrace = status_lines(document, NOW)[:2]
    assert place.startswith("/w ")
    assert in_brief(document, NOW).endswith(without_millrace.strip())
    assert status_lines(StatusResult(), NOW) == []


def test_an_unanswered_status_is_on_the_screen_with_what_to_do() -> None:
    error = ErrorRecord("millrace_not_found", "there is no millrace", "run `millracer setup`")

    lines = status_lines(described(sees(status=None, errors=(error,))), NOW)

    assert lines[-2:] == ["  error   there is no millrace", "  next    run `millracer setup`"]
    assert any(line.startswith("  queue ") for line in lines)


def test_a_change_is_one_line_whatever_its_subject() -> None:
    overview = sees(
        daemon=DAEMON,
        status=says(paused=True, stop_requested=True, active_stage="builder"),
        events=(event(RuntimeEventKind.OTHER, "t\n9", item_state=ItemState.DONE),),
    )

    line = in_brief(described(overview), NOW)

    assert "\n" not in line
    daemon, active, waiting = line.split(" · ")[1:4]
    assert all(word in daemon for word in ("paused", "stop"))
    assert "builder" in active
    assert waiting.startswith("0 ")


def test_ages_go_from_seconds_to_days() -> None:
    ages = (5, 90, 7200, 90 * 3600)
    overview = sees(
        events=tuple(
            replace(
                event(RuntimeEventKind.OTHER, f"t{age}", item_state=ItemState.DONE),
                occurred_at=NOW - timedelta(seconds=age),
            )
            for age in ages
        )
    )

    lines = status_lines(described(overview), NOW)

    ages = [line.split("  ")[-1] for line in lines if "done" in line]
    assert [" ".join(age.split()[:2]) for age in ages] == [
        "5 s",
        "1 min",
        "2 h",
        "2026-11-18 18:00Z",
    ]
