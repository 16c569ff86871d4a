"""A run that adds an item under its lock, to be killed while the add is under way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind
from millracer.millrace.backend import CliMillrace
from tests.support.fake_millrace import FakeMillrace

fake = FakeMillrace.of(Path(sys.argv[1]))
millrace = CliMillrace(fake.calls, safety_seconds=60)
wait = Wait.for_seconds(60)
with millrace.lock_item(sys.argv[2], wait) as lock:
    millrace.add("/w/a.md", IntakeKind.TASK, lock, wait)
