"""Event streams on the real Millrace: one story from every process, and equal documents."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.cli import FORCED, Millracer, Running, wait_until
from tests.support.ops_cli import OpsCaller, request
from tests.support.receivers import receiver
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

NAME = "one-item"
STREAM = "--stream-json"
SLOW = Scenario({"builder": (Step(seconds=12),)})
#: What is each document's own.
OWN = frozenset({"request_id", "warnings"})

Frame = Mapping[str, Any]


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[..., Millracer]:
    """Prepare a workspace whose stages play a scenario."""

    def build(scenario: Scenario) -> Millracer:
        workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
        return Millracer(workspace, millrace_command)

    return build


def frames_of(running: Running) -> tuple[list[Frame], int]:
    """Return a stream's frames and the exit code, after its end."""
    stdout, stderr = running.end()
    assert stdout, stderr
    return [json.loads(line) for line in stdout.splitlines()], running.process.returncode


def durable(frames: Sequence[Frame]) -> list[Frame]:
    return [frame for frame in frames if "cursor" in frame]


def types(frames: Sequence[Frame]) -> list[str]:
    return [frame["event_type"] for frame in frames]


def document(frames: Sequence[Frame]) -> dict[str, Any]:
    """Return the result, which is the last frame and the only one of its type."""
    assert types(frames).count("result") == 1
    assert frames[0]["event_type"] == "stream.opened"
    assert frames[-1]["event_type"] == "result"
    payload: dict[str, Any] = frames[-1]["payload"]
    return payload


def shared(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in OWN}


def log_of(millracer: Millracer) -> Path | None:
    found = list(millracer.workspace.root.glob(".millracer/items/*/events.ndjson"))
    return found[0] if found else None


def logged(millracer: Millracer, kind: str, times: int = 1) -> Callable[[], bool]:
    """Return whether the item's log has an event of a type."""

    def is_logged() -> bool:
        log = log_of(millracer)
        return log is not None and log.read_text().count(f'"type":"{kind}"') >= times

    return is_logged


def follow(millracer: Millracer, *arguments: str) -> Running:
    return millracer.start(NAME, STREAM, *arguments, command="watch")


def writer_of(millracer: Millracer) -> int:
    """Return the pid of the process that started the last attempt."""
    log = log_of(millracer)
    assert log is not None
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    started = [line for line in lines if line["type"] == "attempt.started"]
    pid: int = started[-1]["payload"]["pid"]
    return pid


@pytest.mark.ending
def test_followers_take_over_from_killed_writers_and_print_one_story(
    prepare: Callable[..., Millracer],
) -> None:
    millracer = prepare(SLOW)
    first = millracer.start(*FORCED, "--request-id", NAME, STREAM, "Mend the widget")
    wait_until(logged(millracer, "stage.started"), "the builder runs")
    followers = [follow(millracer) for _ in range(3)]
    wait_until(lambda: all(_is_following(each) for each in followers), "all watch the item")

    first.send(signal.SIGKILL)
    wait_until(logged(millracer, "attempt.started", 2), "a follower takes over")
    second = next(each for each in followers if each.process.pid == writer_of(millracer))
    second.send(signal.SIGKILL)
    for killed in (first, second):
        killed.end()
    ended = [frames_of(each) for each in followers if each is not second]

    assert [code for _, code in ended] == [0, 0]
    stories = [durable(frames) for frames, _ in ended]
    for story in stories:
        assert [frame["sequence"] for frame in story] == list(range(len(story)))
        kinds = types(story)
        assert kinds.count("attempt.lost") == 2
        assert kinds.count("attempt.ended") == 1
        stages = [
            frame["payload"]["stage"] for frame in story if frame["event_type"].startswith("stage.")
        ]
        assert stages == [stage for stage in ("builder", "checker", "updater") for _ in "be"]
    assert [frame["payload"] for frame in stories[0]] == [frame["payload"] for frame in stories[1]]
    results = [document(frames) for frames, _ in ended]
    assert shared(results[0]) == shared(results[1])
    assert results[0]["scoped_completion"] is True
    attached = [any("attached" in each for each in result["warnings"]) for result in results]
    assert sorted(attached) == [False, True]


def _is_following(running: Running) -> bool:
    """Whether a watch has opened the log: it is one of the processes that have it open."""
    folder = Path(f"/proc/{running.process.pid}/fd")
    try:
        return any("events.ndjson" in str(each.readlink()) for each in folder.iterdir())
    except OSError:
        return False


@pytest.mark.ending
def test_every_cursor_of_a_run_replays_the_rest(prepare: Callable[..., Millracer]) -> None:
    millracer = prepare(Scenario())
    ran, code = frames_of(millracer.start(*FORCED, "--request-id", NAME, STREAM, "Mend the widget"))
    story = durable(ran)
    assert code == 0
    assert types(story)[:2] == ["log.opened", "attempt.started"]
    assert types(story)[-1] == "attempt.ended"

    assert_replayed(millracer, story, (0, len(story) // 2, len(story) - 1))
    frames, _ = frames_of(follow(millracer, "--after", "00000000-3"))
    assert types(frames)[1] == "stream.reset"
    assert len(durable(frames)) == len(story)


def assert_replayed(millracer: Millracer, story: Sequence[Frame], positions: Iterable[int]) -> None:
    """Check that a watch after each of these events has exactly the events behind it."""
    for at in positions:
        frames, code = frames_of(follow(millracer, "--after", story[at]["cursor"]))

        assert code == 0
        assert durable(frames) == [
            {**frame, "request_id": frames[0]["request_id"]} for frame in story[at + 1 :]
        ]
        assert document(frames)["scoped_completion"] is True


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_watch_after_each_event_of_a_run_has_the_events_behind_it(
    prepare: Callable[..., Millracer],
) -> None:
    millracer = prepare(Scenario())
    ran, _ = frames_of(millracer.start(*FORCED, "--request-id", NAME, STREAM, "Mend the widget"))
    story = durable(ran)

    assert_replayed(millracer, story, range(len(story)))


@pytest.mark.slow
def test_a_run_killed_twice_and_its_two_watchers_print_equal_documents(
    prepare: Callable[..., Millracer], tmp_path: Path
) -> None:
    go = tmp_path / "go"
    ended = killed_twice(prepare(Scenario({"builder": (Step(until=str(go)),)})), go)

    assert [code for _, code in ended] == [0, 0, 0]
    stories = [durable(frames) for frames, _ in ended]
    for story in stories:
        assert [frame["sequence"] for frame in story] == list(range(len(story)))
        assert types(story).count("attempt.started") == 3
        assert types(story).count("attempt.lost") == 2
        stages = [each for each in story if each["event_type"].startswith("stage.")]
        assert [each["payload"]["stage"] for each in stages] == [
            *("builder", "builder", "checker", "checker", "updater", "updater")
        ]
    assert len({json.dumps([each["payload"] for each in story]) for story in stories}) == 1
    assert len({json.dumps(shared(document(frames))) for frames, _ in ended}) == 1
    assert all(document(frames)["scoped_completion"] is True for frames, _ in ended)


def killed_twice(millracer: Millracer, go: Path) -> list[tuple[list[Frame], int]]:
    """Return the streams of two watchers, and of a run that was killed twice as the writer.

    Its builder works until the file `go` exists.
    """
    command = (*FORCED, "--request-id", NAME, STREAM, "Mend the widget")
    first = millracer.start(*command)
    wait_until(logged(millracer, "stage.started"), "the builder runs")
    first.send(signal.SIGKILL)
    first.end()
    second = millracer.start(*command)
    wait_until(logged(millracer, "attempt.started", 2), "the run continues")
    watchers = [follow(millracer), follow(millracer)]
    wait_until(lambda: all(_is_following(each) for each in watchers), "both watch the item")
    second.send(signal.SIGKILL)
    second.end()
    third = millracer.start(*command)
    wait_until(lambda: _is_following(third), "the run follows")
    go.touch()
    return [frames_of(each) for each in (*watchers, third)]


@pytest.mark.slow
def test_a_stopped_writer_holds_no_follower_up(prepare: Callable[..., Millracer]) -> None:
    millracer = prepare(SLOW)
    first = millracer.start(*FORCED, "--request-id", NAME, STREAM, "Mend the widget")
    try:
        wait_until(logged(millracer, "stage.started"), "the builder runs")
        first.send(signal.SIGSTOP)
        frames, code = frames_of(follow(millracer))
    finally:
        first.send(signal.SIGCONT)
        first.end()

    assert code == 0
    assert document(frames)["scoped_completion"] is True
    assert not any("attached" in each for each in document(frames)["warnings"])


@pytest.mark.slow
def test_an_observer_sees_the_end_and_leaves_no_trace(prepare: Callable[..., Millracer]) -> None:
    millracer = prepare(SLOW)
    first = millracer.start(*FORCED, "--request-id", NAME, STREAM, "Mend the widget")
    wait_until(logged(millracer, "stage.started"), "the builder runs")

    frames, code = frames_of(follow(millracer, "--observe"))
    ran, _ = frames_of(first)

    assert code == 0
    assert frames[0]["payload"]["role"] == "observer"
    assert document(frames)["scoped_completion"] is True
    assert types(durable(ran)).count("attempt.started") == 1
    assert document(ran)["outcome"] == "completed"


@pytest.mark.slow
def test_an_ops_request_has_the_frames_of_its_run(
    prepare: Callable[..., Millracer], tmp_path: Path
) -> None:
    millracer = prepare(Scenario())
    caller = OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=("--millrace-command", millracer.millrace, "--pi-command", millracer.pi),
    )
    body = request(
        "enqueue",
        schema_version="millracer.ops.v0.3",
        request_id=NAME,
        workspace_ref={"root_path": str(millracer.workspace.root)},
        route_preference="millrace",
        intake_preference="task",
        input={"text": "Mend the widget"},
        options={"finalizer": "summary"},
    )

    printed = caller.run("ops", "--stream-json", *caller.options, stdin=body)

    frames = [json.loads(line) for line in printed.stdout.splitlines()]
    result = document(frames)
    assert (printed.exit_code, result["status"]) == (0, "succeeded"), result["errors"]
    assert result["event_cursor"] == durable(frames)[-1]["cursor"]
    assert types(durable(frames))[-1] == "attempt.ended"


@pytest.mark.slow
def test_a_forged_end_changes_no_result(prepare: Callable[..., Millracer]) -> None:
    millracer = prepare(Scenario({"builder": (Step(marker="BLOCKED"),)}))
    ran, _ = frames_of(millracer.start(*FORCED, "--request-id", NAME, STREAM, "Mend it"))
    log = log_of(millracer)
    assert log is not None
    forged = log.read_text().replace('"outcome":"blocked"', '"outcome":"completed"')
    log.write_text(forged.replace('"scoped_completion":false', '"scoped_completion":true'))

    frames, code = frames_of(follow(millracer))

    assert document(ran)["outcome"] == document(frames)["outcome"] == "blocked"
    assert code == 4


def test_bad_cursors_and_contradictions_are_refused_with_frames(
    prepare: Callable[..., Millracer],
) -> None:
    millracer = prepare(Scenario())
    for command, arguments in (
        ("watch", (NAME, STREAM, "--after", "nonsense")),
        ("run", (STREAM, "--no-such-option")),
        ("watch", (NAME, STREAM, "--output", "text")),
    ):
        frames, code = frames_of(millracer.start(*arguments, command=command))

        assert code == 2
        assert document(frames)["errors"]


def test_the_end_of_a_run_is_notified_once_and_its_stages_are_spans(
    prepare: Callable[..., Millracer], tmp_path: Path
) -> None:
    millracer = prepare(Scenario())
    config = tmp_path / "config" / "config.toml"
    config.parent.mkdir()
    with receiver() as hook, receiver() as collector:
        config.write_text(f'[[notify]]\nurl = "{hook.url}"\nsecret_env = "HOOK"\n')
        millracer.environment = {
            "MILLRACER_CONFIG_DIR": str(config.parent),
            "HOOK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        }
        ran = millracer.delegate("Mend the widget", "--request-id", NAME)
        again = millracer.start(NAME, command="watch").finish()

    log = log_of(millracer)
    assert log is not None
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (sent,), (exported,) = hook.received, collector.received
    assert (ran.exit_code, again.exit_code) == (0, 0)
    assert json.loads(sent.body)["payload"] == ran.result
    epoch = lines[0]["payload"]["epoch"]
    assert sent.headers["webhook-id"] == f"{epoch}-{lines[-1]['seq']}"
    (resource,) = ExportTraceServiceRequest.FromString(exported.body).resource_spans
    names = {each.name for each in resource.scope_spans[0].spans}
    assert {"millracer.run", "state monitor", "stage builder", "stage checker"} <= names
