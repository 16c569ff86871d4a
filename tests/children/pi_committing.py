"""A `pi` that commits all of its working directory, prints the branch's commits, and fails.

MILLRACER_TEST_COMMITS names the file that gets the subjects of the commits, newest first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pi_base import answer_version

GIT = ("git", "-c", "user.name=agent", "-c", "user.email=agent@localhost")

answer_version()
for arguments in (
    ("add", "."),
    ("commit", "--quiet", "--allow-empty", "--message", "By the agent"),
):
    subprocess.run((*GIT, *arguments), stdin=subprocess.DEVNULL, check=True)
log = subprocess.run((*GIT, "log", "--format=%s"), stdout=subprocess.PIPE, check=True).stdout
Path(os.environ["MILLRACER_TEST_COMMITS"]).write_bytes(log)
sys.exit("no more than that")
