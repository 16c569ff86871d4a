"""Stage reports are read from the runs' folders, and name no file outside the workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.work.stages import StageReport, TokenUsage
from millracer.millrace.evidence.stages import StageReports
from millracer.millrace.files.workspace import WorkspacePaths

RUN = "run-1"
STARTED = "2026-11-22T12:00:00Z"


def result(**changes: object) -> dict[str, object]:
    return {
        "run_id": RUN,
        "plane": "execution",
        "stage": "builder",
        "work_item_id": "widget",
        "terminal_result": "BUILDER_COMPLETE",
        "started_at": STARTED,
        "completed_at": "2026-11-22T12:00:02Z",
        "duration_seconds": 2.0,
        "model_name": "gpt-5.5",
        "thinking_level": "high",
        "token_usage": {
            "input_tokens": 100,
            "cached_input_tokens": 40,
            "output_tokens": 7,
            "thinking_tokens": 3,
            "total_tokens": 147,
        },
        "metadata": {"failure_class": None},
        **changes,
    }


def write(folder: Path, name: str, document: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "millrace-agents" / "runs" / RUN


def read(folder: Path, *, runs: tuple[str, ...] = (RUN,)) -> tuple[StageReport, ...]:
    reports = StageReports(WorkspacePaths(folder.parents[2]), lambda _: runs)
    return reports.read(["widget"], Wait.for_seconds(10))


def test_an_ended_stage_has_its_result_time_tokens_and_model(folder: Path) -> None:
    write(folder, "stage_results/request-1.json", result())

    (report,) = read(folder)

    assert (report.result, report.seconds, report.model, report.thinking) == (
        "BUILDER_COMPLETE",
        2.0,
        "gpt-5.5",
        "high",
    )
    assert report.tokens == TokenUsage(input=100, cached=40, output=7, thinking=3, total=147)
    assert report.run_folder == f"millrace-agents/runs/{RUN}"


def _message(tokens: int, cost: object, kind: str = "message_end") -> str:
    usage = {"totalTokens": tokens, "cost": cost}
    return json.dumps({"type": kind, "message": {"role": "assistant", "usage": usage}})


def test_the_cost_of_a_stage_is_pis_own_for_each_message(folder: Path) -> None:
    lines = [
        "not JSON",
        json.dumps({"type": "message_end", "message": {"role": "user"}}),
        _message(0, {"total": 0}, "message_start"),
        _message(10, {"total": 0.25}),
        _message(10, {"total": 0.25}, "turn_end"),
        _message(0, {"total": 0}),
        _message(5, {"total": 0.5}),
    ]
    write(folder, "stage_results/request-1.json", result())
    write(folder, "runner_events.request-1.jsonl", "\n".join(lines))

    (report,) = read(folder)

    assert (report.cost_usd, report.cost_unknown) == (0.75, None)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        pytest.param(None, "transcript", id="no transcript"),
        pytest.param("", "gpt-5.5", id="no message"),
        pytest.param(_message(10, {"total": 0}), "gpt-5.5", id="no price"),
        pytest.param(_message(10, "many"), "gpt-5.5", id="another shape"),
        pytest.param(
            _message(10, {"total": 1}) + "\n" + _message(1, {"total": 0}), "gpt-5.5", id="a part"
        ),
    ],
)
def test_a_cost_that_is_not_known_has_a_reason(folder: Path, events: str | None, why: str) -> None:
    write(folder, "stage_results/request-1.json", result())
    if events is not None:
        write(folder, "runner_events.request-1.jsonl", events)

    (report,) = read(folder)

    assert report.cost_usd is None
    assert why in (report.cost_unknown or "")


def test_a_stage_that_was_cut_off_is_reported_without_a_result(folder: Path) -> None:
    started = {"run_id": RUN, "stage": "builder", "emitted_at": STARTED}
    write(folder, "stage_results/request-1.json", result())
    for number in (1, 2):
        named = {**started, "active_work_item_id": "widget"}
        write(folder, f"runner_invocation.request-{number}.json", named)

    reports = read(folder)

    assert [(each.request_id, each.result) for each in reports] == [
        ("request-1", "BUILDER_COMPLETE"),
        ("request-2", None),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("{", id="half written"),
        pytest.param(result(run_id="run-2"), id="of another run"),
        pytest.param(result(work_item_id="another"), id="of another item"),
        pytest.param(result(duration_seconds=-1), id="impossible"),
        pytest.param([], id="another shape"),
    ],
)
def test_a_file_outside_the_contract_is_skipped(folder: Path, broken: object) -> None:
    write(folder, "stage_results/request-1.json", broken)
    write(folder, "stage_results/request-2.json", result())

    assert [each.request_id for each in read(folder)] == ["request-2"]


def test_paths_are_relative_and_a_moved_workspace_keeps_its_files(folder: Path) -> None:
    report = write(folder, "report.md", "done")
    write(folder, "runner_stdout.request-1.txt", "### BUILDER_COMPLETE")
    write(folder, "runner_events.request-1.jsonl", "{}")
    document = result(
        report_artifact=str(report),
        stdout_path="/moved/runs/run-1/runner_stdout.request-1.txt",
        stderr_path="/moved/runs/run-1/runner_stderr.request-1.txt",
    )
    write(folder, "stage_results/request-1.json", document)

    (found,) = read(folder)

    inside = f"millrace-agents/runs/{RUN}"
    assert found.report == f"{inside}/report.md"
    assert found.stdout == f"{inside}/runner_stdout.request-1.txt"
    assert found.transcript == f"{inside}/runner_events.request-1.jsonl"
    assert found.stderr is None


def test_no_file_outside_the_workspace_is_named(folder: Path, tmp_path: Path) -> None:
    secret = write(tmp_path, "secret.txt", "secret")
    document = result(report_artifact=str(secret), stdout_path="../../../../secret.txt")
    write(folder, "stage_results/request-1.json", document)
    (folder / "runner_events.request-1.jsonl").symlink_to(secret)

    (report,) = read(folder)

    assert (report.report, report.stdout, report.transcript) == (None, None, None)


def test_a_run_id_that_is_a_path_is_not_followed(folder: Path) -> None:
    write(folder.parents[2] / "elsewhere", "stage_results/request-1.json", result(run_id=".."))

    assert read(folder, runs=("../../elsewhere", "..")) == ()


def test_a_cancelled_wait_ends_the_reading(folder: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)
    reports = StageReports(WorkspacePaths(folder.parents[2]), lambda _: (RUN,))

    with pytest.raises(Cancelled):
        reports.read(["widget"], Wait(cancellation))


def test_every_run_with_a_folder_is_read_whatever_else_is_there(folder: Path) -> None:
    write(folder, "stage_results/request-1.json", result())
    write(folder.parent / "run-2", "notes.txt", "no stage yet")
    write(folder.parent, "a-file", "not a run")
    write(folder.parent / "no run", "stage_results/request-1.json", result())
    reports = StageReports(WorkspacePaths(folder.parents[2]), lambda _: ())

    assert sorted(reports.run_ids()) == [RUN, "run-2"]
    assert [each.stage for each in reports.read_run(RUN).stages] == ["builder"]
    assert reports.read_run("run-2").stages == ()
    assert not reports.has_run("..")
    assert not reports.has_run("run-3")


def test_a_workspace_without_runs_has_none(tmp_path: Path) -> None:
    assert StageReports(WorkspacePaths(tmp_path), lambda _: ()).run_ids() == ()
