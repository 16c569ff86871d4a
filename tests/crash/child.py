"""The `millracer` command under a trace: `python -m tests.crash.child ARGUMENTS`.

`MILLRACER_TEST_CRASH`, JSON that `play.py` writes, says what is traced and what happens where.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from millracer.cli.main import main
from tests.crash import points

VARIABLE = "MILLRACER_TEST_CRASH"
#: Carried by everything a run starts, so that what it leaves is found.
RUN_VARIABLE = "MILLRACER_TEST_CRASH_RUN"

#: Who dies at the point, by name.
VICTIMS: dict[str, Callable[[int | None], None]] = {
    "millracer": points.kill_ourselves,
    "millracer, last child delayed": points.hold_and_kill_ourselves,
    "booting daemon": points.kill_what_started,
    "fork server": points.kill_the_warm_millrace,
    "everything": partial(points.kill_everything, RUN_VARIABLE),
}


def _begin() -> None:
    order = json.loads(os.environ[VARIABLE])
    trace = points.Trace(Path(order["log"]), order["armed"], VICTIMS[order["victim"]])
    points.install(trace, workspace=Path(order["workspace"]), home=Path(order["home"]))


if __name__ == "__main__":
    _begin()
    main()
