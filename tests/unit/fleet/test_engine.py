"""The engine's log, and its refusal of pickles."""

from __future__ import annotations

import logging
import pickle

import pytest
from sqlalchemy.exc import OperationalError

from millracer.fleet.engine import _OneLine, _Refusing


@pytest.fixture
def logger() -> logging.Logger:
    """A logger that the engine could have."""
    found = logging.getLogger("test.engine")
    found.propagate = False
    found.handlers = [_OneLine()]
    return found


def lost() -> OperationalError:
    return OperationalError("select 1", {}, Exception("the server closed the connection"))


def passed_on(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what the handler passed on to Millracer's log."""
    return [record for record in caplog.records if record.name.startswith("millracer.")]


def test_lost_connections_are_reported_once_a_minute(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "millracer"):
        for _ in range(5):
            logger.warning("a poll failed", exc_info=lost())
            logger.warning("Exception in queue thread: (psycopg.OperationalError) gone")

    (record,) = passed_on(caplog)
    assert record.exc_info is None


def test_other_records_are_one_line_each(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "millracer"):
        logger.warning("first\nsecond", exc_info=ValueError("bad"))

    assert [record.getMessage() for record in passed_on(caplog)] == ["engine: first"]


def test_a_pickle_is_refused() -> None:
    with pytest.raises(TypeError):
        _Refusing().deserialize(pickle.dumps("text").decode("latin-1"))
