"""Log lines: which run and item they are about, and no secrets."""

import logging
import threading
from collections.abc import Iterator

import pytest

from millracer.logs import ROOT, emit_lines, log_item, run_logged, with_log_ids
from millracer.redaction.process import learn_environment

_KEY = "sk-ant-" + "q7" * 20


@pytest.fixture
def lines() -> Iterator[list[str]]:
    logger = logging.getLogger(ROOT)
    before = (list(logger.handlers), logger.level, logger.propagate)
    found: list[str] = []
    emit_lines(logging.INFO, found.append)
    yield found
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)


def test_a_line_names_its_module_run_and_item(lines: list[str]) -> None:
    log = logging.getLogger("millracer.run.watch")

    with run_logged("r-1"):
        log.info("before the item is known")
        log_item("item-1")
        log.info("item %s", "found")
    log.info("after the run")

    assert lines == [
        "info run.watch [r-1 -] before the item is known",
        "info run.watch [r-1 item-1] item found",
        "info run.watch [- -] after the run",
    ]


def test_a_line_below_the_level_is_not_emitted(lines: list[str]) -> None:
    logging.getLogger("millracer.pi").debug("a turn")

    assert lines == []


def test_a_record_is_one_line_without_secrets(lines: list[str]) -> None:
    learn_environment({"SOME_API_KEY": _KEY})

    logging.getLogger("millracer.pi").info("it said:\n%s", _KEY)

    (line,) = lines
    assert _KEY not in line
    assert "\n" not in line


def test_another_thread_logs_with_the_ids_of_its_caller(lines: list[str]) -> None:
    log = logging.getLogger("millracer.run")
    with run_logged("r-2"):
        log_item("item-2")
        thread = threading.Thread(target=with_log_ids(lambda: log.info("leaving")))
    thread.start()
    thread.join()

    assert lines == ["info run [r-2 item-2] leaving"]


def test_a_second_call_replaces_the_first(lines: list[str]) -> None:
    others: list[str] = []
    emit_lines(logging.DEBUG, others.append)

    logging.getLogger("millracer.pi").debug("a turn")

    assert (lines, len(others)) == ([], 1)
