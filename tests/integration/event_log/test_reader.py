"""A reader gets each event once, in order; where that is impossible, a reset reports it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millracer.cancellation import Cancellation, Wait
from millracer.domain.event_log import Cursor, LogEvent, ResetReason
from millracer.event_log import writer as writer_module
from millracer.event_log.logs import FileEventLogs
from tests.support.event_logs import ITEM, news, numbers, opened, writing_process


def wait() -> Wait:
    return Wait(Cancellation())


def filled(logs: FileEventLogs, count: int) -> str:
    writer = opened(logs)
    for number in range(count):
        writer.append(news("x" * (number % 300)))
    writer.close()
    return writer.state.epoch


def test_a_log_that_does_not_exist_yet_is_read_once_it_does(logs: FileEventLogs) -> None:
    reader = logs.read(ITEM)
    assert reader.head is None
    assert reader.read().events == ()

    writer = opened(logs)
    assert numbers(reader.read().events) == [0]
    writer.append(news())
    assert numbers(reader.read().events) == [1]
    assert reader.read().events == ()
    assert reader.head == Cursor(writer.state.epoch, 1)
    writer.close()
    reader.close()


@pytest.mark.parametrize("count", [0, 1, 5, 1_000])
def test_every_cursor_gives_the_rest(logs: FileEventLogs, count: int) -> None:
    epoch = filled(logs, count)
    for after in (*range(min(count, 40)), count):
        reader = logs.read(ITEM, Cursor(epoch, after))
        batch = reader.read()
        reader.close()

        assert numbers(batch.events) == list(range(after + 1, count + 1))
        assert batch.reset is None


@pytest.mark.parametrize("cursor", [Cursor("00000000", 1), None])
def test_an_unknown_cursor_is_a_reset_and_everything_from_the_start(
    logs: FileEventLogs, cursor: Cursor | None
) -> None:
    epoch = filled(logs, 3)
    reader = logs.read(ITEM, cursor or Cursor(epoch, 4))
    batch = reader.read()
    reader.close()

    assert batch.reset is ResetReason.UNKNOWN_CURSOR
    assert numbers(batch.events) == [0, 1, 2, 3]


def test_an_incomplete_line_is_not_read_before_it_is_whole(logs: FileEventLogs, log: Path) -> None:
    filled(logs, 1)
    whole = log.read_bytes()
    line = whole.splitlines(keepends=True)[1].replace(b'"seq":1', b'"seq":2')
    reader = logs.read(ITEM)
    reader.read()
    log.write_bytes(whole + line[:20])
    assert reader.read().events == ()

    log.write_bytes(whole + line)

    assert numbers(reader.read().events) == [2]
    reader.close()


def test_a_removed_log_and_its_successor_are_a_reset(logs: FileEventLogs, log: Path) -> None:
    filled(logs, 2)
    reader = logs.read(ITEM)
    reader.read()
    log.unlink()
    assert reader.read().reset is ResetReason.PRUNED
    epoch = filled(logs, 1)

    batch = reader.read()
    reader.close()

    assert [event.cursor for event in batch.events] == [Cursor(epoch, 0), Cursor(epoch, 1)]


def test_a_replaced_log_is_one_reset(logs: FileEventLogs, log: Path) -> None:
    filled(logs, 2)
    reader = logs.read(ITEM)
    reader.read()
    log.unlink()
    filled(logs, 1)

    batch = reader.read()

    assert batch.reset is ResetReason.PRUNED
    assert numbers(batch.events) == [0, 1]
    assert reader.read().reset is None
    reader.close()


def test_a_rotated_log_is_read_to_its_end_first(
    logs: FileEventLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_MOST_EVENTS", 3)
    writer = opened(logs)
    reader = logs.read(ITEM)
    assert numbers(reader.read().events) == [0]
    for _ in range(3):
        writer.append(news())

    assert numbers(reader.read().events) == [1, 2]
    batch = reader.read()
    assert batch.reset is ResetReason.ROTATED
    assert numbers(batch.events) == [0, 1]
    writer.close()
    reader.close()


def test_a_forged_line_is_a_reset_and_nothing_after_it_is_read(
    logs: FileEventLogs, log: Path
) -> None:
    filled(logs, 2)
    log.write_bytes(log.read_bytes() + b'{"seq":9,"type":"attempt.ended"}\n')
    reader = logs.read(ITEM)

    batch = reader.read()

    assert batch.reset is ResetReason.DAMAGED
    assert numbers(batch.events) == [0, 1, 2]
    assert reader.read() == type(batch)()
    filled(logs, 1)
    after = reader.read()
    assert numbers(after.events) == [0, 1]
    assert after.reset is ResetReason.DAMAGED
    reader.close()


def test_an_enormous_log_is_not_read(logs: FileEventLogs, log: Path) -> None:
    epoch = filled(logs, 2)
    with log.open("r+b") as file:
        file.truncate(1 << 40)
    reader = logs.read(ITEM)

    assert reader.read().reset is ResetReason.DAMAGED
    fresh = opened(logs)
    assert fresh.state.epoch != epoch
    assert numbers(reader.read().events) == [0]
    fresh.close()
    reader.close()


def test_a_reader_wakes_when_the_writer_ends(logs: FileEventLogs, log: Path) -> None:
    with writing_process(log.parents[1], 1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reader = logs.read(ITEM)
        reader.read()
        reader.sleep(0, wait())
        timer = threading.Timer(0.2, process.kill)
        timer.start()
        reader.sleep(600, wait())
        timer.join()
        process.wait()

        assert not logs.has_writer(ITEM)
        reader.close()


@settings(deadline=None)
@given(
    steps=st.lists(st.sampled_from(["write", "kill", "tear", "read", "other"]), max_size=40),
)
def test_any_order_of_writers_kills_and_readers_gives_each_event_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    logs = FileEventLogs(tmp_path_factory.mktemp("logs") / "items")
    log = logs._folder_of(ITEM) / "events.ndjson"
    readers = [logs.read(ITEM), logs.read(ITEM)]
    seen: list[list[LogEvent]] = [[], []]
    writer = opened(logs)
    for step in steps:
        match step:
            case "write":
                writer.append(news())
            case "kill" | "tear":
                writer.close()
                if step == "tear":
                    with log.open("ab") as file:
                        file.write(b'{"seq":99')
                writer = opened(logs)
            case "other":
                assert logs.write(ITEM) is None
            case "read":
                seen[0] += readers[0].read().events
    writer.append(news())
    last = readers[0].head
    assert last is not None
    for reader, events in zip(readers, seen, strict=True):
        batch = reader.read()
        assert batch.reset is None
        events.extend(batch.events)
        assert numbers(events) == list(range(last.sequence + 1))
        reader.close()
    writer.close()


def test_a_writer_killed_anywhere_leaves_whole_lines(logs: FileEventLogs, log: Path) -> None:
    reader = logs.read(ITEM)
    seen: list[LogEvent] = []
    for _ in range(5):
        with writing_process(log.parents[1], 2_000) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()
            process.wait()
        seen += reader.read().events
        opened(logs).close()
    seen += reader.read().events
    reader.close()

    assert numbers(seen) == list(range(len(seen)))
    assert len(seen) > 5


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a pipe"])
def test_anything_but_a_regular_file_is_not_a_log(
    logs: FileEventLogs, log: Path, tmp_path: Path, kind: str
) -> None:
    filled(logs, 3)
    opened_before = logs.read(ITEM)
    assert numbers(opened_before.read().events) == [0, 1, 2, 3]
    log.unlink()
    if kind == "folder":
        log.mkdir()
    else:
        pipe = log if kind == "pipe" else tmp_path / "pipe"
        os.mkfifo(pipe)
        if pipe != log:
            log.symlink_to(pipe)

    assert opened_before.read().reset is ResetReason.PRUNED
    reader = logs.read(ITEM)
    assert reader.head is None
    assert reader.read().events == ()
    assert not logs.has_writer(ITEM)
    with pytest.raises(OSError, match=r"."):
        logs.write(ITEM)
