"""Writes to an output without a reader."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import pytest

from millracer.cli.terminal.buffered_stderr import finish_standard_error, own_standard_error
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.writer import DescriptorWriter
from tests.support.unread import Unread, full_pipe

_LIMIT_SECONDS = 60


@pytest.fixture
def full() -> Iterator[Unread]:
    with full_pipe() as pipe:
        yield pipe


@contextmanager
def as_standard_error(pipe: Unread) -> Iterator[None]:
    """Let a pipe be standard error within the block."""
    with os.fdopen(os.dup(pipe.writer), "w", encoding="utf-8") as stderr, redirect_stderr(stderr):
        own_standard_error()
        yield


def read(pipe: Unread, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        got += os.read(pipe.reader, size - len(got))
    return bytes(got)


def test_what_waited_for_a_reader_comes_in_its_order(full: Unread) -> None:
    with as_standard_error(full):
        for line in ("one", "two", "the last word"):
            say(line)

        expected = b"one\ntwo\nthe last word\n"
        assert read(full, 4096 + len(expected)).lstrip(b".") == expected
        say("and on")
        assert read(full, 7) == b"and on\n"


def test_the_latest_words_are_kept_for_a_paused_reader(full: Unread) -> None:
    with as_standard_error(full):
        for number in range(3000):
            say(str(number))
        finish_standard_error()

        got = b""
        while not got.endswith(b"\n2999\n"):
            got += os.read(full.reader, 4096)
        assert got.count(b"\n") < 1000


def test_the_interpreters_last_words_wait_for_no_reader(full: Unread) -> None:
    with as_standard_error(full):
        finish_standard_error()

        say("Exception ignored")

        read(full, 4096)
        say("and this")
        assert read(full, 9) == b"and this\n"


def test_a_chunk_is_written_without_a_thread_where_none_can_be_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with (tmp_path / "written").open("wb") as stream:
        writer = DescriptorWriter(stream.fileno())
        writer.give(b"a document")
        assert writer.wait(_LIMIT_SECONDS)

    assert (tmp_path / "written").read_bytes() == b"a document"
    assert writer.take_error() is None


def test_a_failed_write_is_reported_once() -> None:
    with Path("/dev/full").open("wb") as full:
        writer = DescriptorWriter(full.fileno())
        writer.give(b"lost")
        assert writer.wait(_LIMIT_SECONDS)

    assert isinstance(writer.take_error(), OSError)
    assert writer.take_error() is None


def test_a_descriptor_that_must_not_block_is_waited_for(full: Unread) -> None:
    os.set_blocking(full.writer, False)
    writer = DescriptorWriter(full.writer)
    writer.give(b"late")
    assert not writer.wait(0)

    assert read(full, 4100).endswith(b"late")
    assert writer.wait(_LIMIT_SECONDS)
