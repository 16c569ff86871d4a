"""`watch --all --stream-json` on the real Millrace: one stream for all items, one result."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import groupby

import pytest

from millracer.schemas.names import SchemaName
from tests.support.cli import daemon_pid, wait_until
from tests.support.frames import Frame, frames_in, stored, types
from tests.support.ops_cli import OpsCaller, Printed, Running
from tests.support.ops_world import assert_published
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace

Prepare = Callable[..., tuple[Workspace, OpsCaller]]
_SECOND_IS_BLOCKED = Scenario(
    {
        "builder": (Step(), Step(marker="BLOCKED")),
        "troubleshooter": (Step(marker="BLOCKED"),),
        "consultant": (Step(marker="BLOCKED"),),
    }
)
STREAM = ("watch", "--all", "--stream-json")


def submit(caller: OpsCaller, request_id: str) -> str:
    printed = caller.run(
        "submit", "--request-id", request_id, "--intake", "task", f"Do {request_id}"
    )
    assert printed.exit_code == 0, printed.stderr
    return printed.stdout.strip()


def frames(printed: Printed) -> list[Frame]:
    found = frames_in(printed.stdout)
    assert_published(SchemaName.WATCH_ALL_RESULT, found[-1]["payload"])
    assert len({frame["event_id"] for frame in found}) == len(found)
    assert len({frame["request_id"] for frame in found}) == 1
    return found


def test_every_item_has_its_whole_story_in_one_stream(prepare: Prepare) -> None:
    workspace, caller = prepare(_SECOND_IS_BLOCKED)
    items = [submit(caller, "r-1"), submit(caller, "r-2")]
    found = frames(caller.run(*STREAM))

    stories = groupby(stored(found), key=lambda frame: frame["payload"]["work_item_id"])
    ids = []
    for item_id, frames_of_item in stories:
        story = list(frames_of_item)
        ids.append(item_id)
        assert [frame["sequence"] for frame in story] == list(range(len(story)))
        assert (types(story)[0], types(story)[-1]) == ("log.opened", "attempt.ended")
    assert ids == items
    result = found[-1]["payload"]
    assert [each["work_item_id"] for each in result["results"]] == items
    assert [each["outcome"] for each in result["results"]] == ["completed", "blocked"]
    assert result["all_completed"] is False
    assert daemon_pid(workspace) is None

    nothing = caller.run(*STREAM)
    assert types(frames(nothing)) == ["stream.opened", "result"]
    assert nothing.exit_code == 0
    assert frames(nothing)[-1]["payload"] == caller.run("watch", "--all", "--json").document


def _interrupt(running: Running) -> Printed:
    running.send(signal.SIGINT)
    return running.finish()


def _stop_reading(running: Running) -> Printed:
    assert running.process.stdout is not None
    running.process.stdout.close()
    running.process.stdout = None
    running.process.communicate(timeout=60)
    return Printed(running.process.returncode, "", "")


@pytest.mark.parametrize(("end", "exit_code"), [(_interrupt, 130), (_stop_reading, 143)])
def test_a_signal_and_a_reader_that_left_end_the_stream_and_leave_the_items(
    prepare: Prepare, end: Callable[[Running], Printed], exit_code: int
) -> None:
    workspace, caller = prepare(Scenario({"builder": (Step(hang=True),)}))
    submit(caller, "r-1")
    submit(caller, "r-2")
    with caller.start(*STREAM) as running:
        wait_until(lambda: workspace.stages() == ["builder"], "the builder starts")
        printed = end(running)

    assert printed.exit_code == exit_code
    if printed.stdout:
        (result,) = frames(printed)[-1]["payload"]["results"]
        assert result["outcome"] == "cancelled"
    assert daemon_pid(workspace) is None
    listed = caller.run("list", "--json").document["items"]
    assert {each["state"] for each in listed} == {"queued"}
