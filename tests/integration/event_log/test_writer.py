"""One process writes an item's log at a time, and what it finds there is continued or set aside."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millracer.domain.event_log import Event, EventType
from millracer.event_log import writer as writer_module
from millracer.event_log.contents import read_tail, read_whole
from millracer.event_log.logs import FileEventLogs
from tests.support.event_logs import AT, ITEM, news, opened, writing_process


def lines(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_bytes().splitlines()]


def test_a_log_begins_with_its_epoch_and_counts_on(logs: FileEventLogs, log: Path) -> None:
    writer = opened(logs)
    writer.append(news())
    writer.close()

    again = opened(logs)
    again.append(news())
    again.close()

    assert [line["seq"] for line in lines(log)] == [0, 1, 2]
    assert lines(log)[0]["type"] == EventType.LOG_OPENED
    assert again.state.epoch == writer.state.epoch
    assert again.state.last == 1


def test_files_are_private(logs: FileEventLogs, log: Path) -> None:
    opened(logs).close()

    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_second_writer_is_refused_until_the_first_closes(logs: FileEventLogs) -> None:
    first = opened(logs)

    assert logs.write(ITEM) is None
    assert logs.has_writer(ITEM)
    first.close()
    assert not logs.has_writer(ITEM)
    opened(logs).close()


def test_the_lock_of_a_killed_process_is_free(logs: FileEventLogs, log: Path) -> None:
    with writing_process(log.parents[1], 1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        assert logs.write(ITEM) is None
        process.kill()
        process.wait()

        opened(logs).close()


@pytest.mark.parametrize("rest", [b'{"seq":2,"ty', b"\x00" * 10, b"{"])
def test_an_incomplete_last_line_is_removed(logs: FileEventLogs, log: Path, rest: bytes) -> None:
    writer = opened(logs)
    writer.append(news())
    writer.close()
    whole = log.read_bytes()
    log.write_bytes(whole + rest)

    again = opened(logs)

    assert log.read_bytes() == whole
    assert again.state.last == 1
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole + b"no json\n",
        lambda whole: whole + whole.splitlines(keepends=True)[1],
        lambda whole: whole.splitlines(keepends=True)[1],
        lambda whole: whole.replace(b'"epoch"', b'"epoc"'),
        lambda whole: whole + b"x" * 70_000,
    ],
    ids=["no event", "number twice", "no first line", "no epoch", "endless line"],
)
def test_a_damaged_log_is_set_aside(
    logs: FileEventLogs, log: Path, damage: Callable[[bytes], bytes]
) -> None:
    writer = opened(logs)
    writer.append(news())
    writer.close()
    damaged = damage(log.read_bytes())
    log.write_bytes(damaged)

    fresh = opened(logs)
    fresh.append(news())
    fresh.close()

    assert [line["seq"] for line in lines(log)] == [0, 1]
    assert fresh.state.epoch != writer.state.epoch
    kept = list(log.parent.glob("events.damaged-*.ndjson"))
    assert [each.read_bytes() for each in kept] == [damaged]


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"no json\n",
        lambda line: b"",
        lambda line: line + line,
        lambda line: line.replace(b'"seq":', b'"seq":1'),
        lambda line: b"x" + line,
    ],
    ids=["no event", "line missing", "line twice", "another number", "no begin"],
)
def test_a_log_damaged_in_the_middle_is_set_aside_when_it_is_read(
    logs: FileEventLogs, log: Path, damage: Callable[[bytes], bytes]
) -> None:
    writer = opened(logs)
    for _ in range(20):
        writer.append(news("x" * 60_000, key="before"))
        writer.append(news("x" * 60_000))
    writer.close()
    whole = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join((*whole[:2], damage(whole[2]), *whole[3:])))

    fresh = opened(logs)
    fresh.append(news("first"))
    damaged = log.read_bytes()
    fresh.append(news("second", key="before"))
    fresh.append(news("third", key="before"))
    fresh.close()

    assert [(line["seq"], line["message"]) for line in lines(log)][1:] == [
        (1, "first"),
        (2, "second"),
    ]
    assert [each.read_bytes() for each in log.parent.glob("events.damaged-*")] == [damaged]


@settings(deadline=None, max_examples=50)
@given(events=st.lists(st.tuples(st.text(), st.none() | st.text())))
def test_the_keys_and_the_end_of_a_log_are_those_of_its_lines(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str | None]]
) -> None:
    logs = FileEventLogs(tmp_path_factory.mktemp("logs") / "items")
    writer = opened(logs)
    for text, key in events:
        writer.append(news(text, key=key, deep={"key": text}, text=text))
    writer.close()
    log = os.open(logs._folder_of(ITEM) / "events.ndjson", os.O_RDONLY)
    try:
        tail, whole = read_tail(log), read_whole(log)
    finally:
        os.close(log)

    assert tail is not None
    assert whole is not None
    keys = {key for _, key in events if key is not None}
    repeated = sum(key is not None for _, key in events) - len(keys)
    assert tail.last == len(events) - repeated
    assert whole.keys == keys


def test_an_event_of_millrace_is_logged_once(logs: FileEventLogs, log: Path) -> None:
    writer = opened(logs)
    assert writer.append(news(key="stage_started/r-1")) is not None
    assert writer.append(news(key="stage_started/r-1")) is None
    writer.close()

    again = opened(logs)
    assert again.append(news(key="stage_started/r-1")) is None
    assert again.append(news(key="stage_started/r-2")) is not None
    again.close()

    assert len(lines(log)) == 3


def test_the_state_counts_attempts_and_knows_one_that_has_not_ended(logs: FileEventLogs) -> None:
    def add(attempt: int, *types: EventType) -> None:
        writer = opened(logs)
        for each in types:
            writer.append(Event(type=each, at=AT, message="-", payload={"attempt": attempt}))
        writer.close()

    def state() -> tuple[int, bool]:
        writer = opened(logs)
        writer.close()
        return writer.state.attempts, writer.state.is_attempt_open

    add(0, EventType.ITEM_ENQUEUED)
    assert state() == (0, False)
    add(1, EventType.ATTEMPT_STARTED)
    assert state() == (1, True)
    add(1, EventType.ATTEMPT_LOST)
    assert state() == (1, False)
    add(2, EventType.ATTEMPT_STARTED, EventType.ATTEMPT_ENDED)
    assert state() == (2, False)
    add(0, EventType.ITEM_ENQUEUED)
    assert state() == (2, False), "a submission belongs to no attempt"
    add(3, EventType.ATTEMPT_STARTED)
    writer = opened(logs)
    for _ in range(60):
        writer.append(news("x" * 60_000))
    writer.close()
    assert state() == (3, True), "the attempt began far before the end of the log"


def test_a_full_log_is_followed_by_a_new_one(
    logs: FileEventLogs, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_MOST_EVENTS", 4)
    writer = opened(logs)
    started = Event(type=EventType.ATTEMPT_STARTED, at=AT, message="-", payload={"attempt": 1})
    writer.append(started)
    for number in range(3):
        writer.append(news(key=f"k-{number}"))

    assert logs.write(ITEM) is None
    assert [line["seq"] for line in lines(log)] == [0, 1]
    assert len(lines(log.with_name("events.1.ndjson"))) == 4
    writer.close()
    again = opened(logs)
    assert again.append(news(key="k-0")) is None, "the older log's events count"
    assert (again.state.attempts, again.state.is_attempt_open) == (1, True)
    again.close()


def test_a_line_that_cannot_be_written_leaves_the_log_whole(
    logs: FileEventLogs, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = opened(logs)
    whole = log.read_bytes()
    real = os.write

    def short(file: int, data: bytes) -> int:
        return real(file, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(OSError, match="space"):
            writer.append(news())
    assert log.read_bytes() == whole

    writer.append(news())
    writer.close()
    assert [line["seq"] for line in lines(log)] == [0, 1]


def test_a_long_event_keeps_its_line_below_the_limit(logs: FileEventLogs, log: Path) -> None:
    writer = opened(logs)
    event = writer.append(news("m" * 100_000, text="p" * 100_000))
    writer.close()

    assert event is not None
    assert event.payload == {"is_cut": True}
    assert max(map(len, log.read_bytes().splitlines())) < 64 * 1024


def test_secrets_are_removed_from_every_field(logs: FileEventLogs, log: Path) -> None:
    secret = "sk-ant-" + "a1B2" * 12
    writer = opened(logs)
    writer.append(news(f"a {secret}", text=secret, deep=[{"x": secret}]))
    writer.close()

    assert secret not in log.read_text()


@pytest.mark.parametrize("text", ["a\nb", "\ud800", "ü\u2028", "\x1b[31m"])
def test_any_text_is_one_ascii_line(logs: FileEventLogs, log: Path, text: str) -> None:
    writer = opened(logs)
    event = writer.append(news(text, text=text))
    writer.close()

    assert event is not None
    assert event.message == text
    assert len(log.read_bytes().splitlines()) == 2
    assert log.read_bytes().isascii()


def test_a_symbolic_link_is_not_followed(logs: FileEventLogs, log: Path, tmp_path: Path) -> None:
    log.parent.mkdir(parents=True)
    other = tmp_path / "other"
    other.write_bytes(b"untouched")
    log.symlink_to(other)

    with pytest.raises(OSError):  # noqa: PT011 - its number differs between systems
        logs.write(ITEM)

    assert other.read_bytes() == b"untouched"


def test_old_logs_are_removed_unless_a_process_writes_them(logs: FileEventLogs, log: Path) -> None:
    long_ago = 1_000_000_000
    for name in ("old", "held"):
        opened(logs, name).close()
        os.utime(log.parents[1] / name / "events.ndjson", (long_ago, long_ago))
    held = opened(logs, "held")
    os.utime(log.parents[1] / "held" / "events.ndjson", (long_ago, long_ago))

    opened(logs).close()

    assert set(logs.item_ids()) == {ITEM, "held"}
    held.close()


def test_a_result_is_returned_only_if_it_is_the_reported_one(
    logs: FileEventLogs, log: Path
) -> None:
    writer = opened(logs)
    digest = writer.write_result(1, '{"outcome": "completed"}')
    writer.close()

    assert logs.result(ITEM, 1, digest) == {"outcome": "completed"}
    assert logs.result(ITEM, 2, digest) is None
    log.with_name("result-1.json").write_text('{"outcome": "forged"}')
    assert logs.result(ITEM, 1, digest) is None


def test_an_item_id_never_leaves_the_folder(logs: FileEventLogs) -> None:
    with pytest.raises(OSError, match="id of a work item"):
        logs.write("../elsewhere")
