"""A pi that leaves two orphans a turn, which live for ORPHAN_SECONDS and are noted in ORPHANS."""

from __future__ import annotations

import os
import subprocess

from pi_base import commands, respond, run

ORPHAN = 'sleep "${ORPHAN_SECONDS:-0.1}" & echo "$!" >> "$ORPHANS"'

for command in commands():
    respond(command)
    if command["type"] != "prompt":
        continue
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", ORPHAN], env=os.environ, check=True)
    run("done")
