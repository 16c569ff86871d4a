"""A pi that says it was asked, by the file `asked`, and answers once the file `go` is there.

MILLRACER_TEST_GATE names the folder of both. With the word `fail` in it, the task fails.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from pi_base import commands, respond, run

gate = Path(os.environ["MILLRACER_TEST_GATE"])
for command in commands():
    respond(command)
    if command["type"] == "prompt":
        (gate / "asked").touch()
        while not (gate / "go").exists():
            time.sleep(0.05)
        if "fail" in str(command["message"]):
            run("", "error", errorMessage="429 no more")
        else:
            run("Done, ☃.")
