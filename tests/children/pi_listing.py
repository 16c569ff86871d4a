"""A pi that lists its models as its first argument says, and writes into its folder as pi does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pi_base import IDLE, emit, respond, sleep_for_ever

HOW = sys.argv[1]
if "--version" in sys.argv:
    sys.stdout.write("9.0.0\n" if HOW == "newer" else "0.73.1\n")
    raise SystemExit(0)

SELECTED: dict[str, object] = {
    "unknown": {"model": {"provider": "unknown", "id": "unknown"}},
    "without": {},
    "odd": {"model": "large"},
}.get(HOW, {"model": {"provider": "stub", "id": "large", "contextWindow": 1}})
USABLE = [
    {"provider": "stub", "id": "large"},
    {"provider": "other", "id": "x"},
    {"provider": "stub", "id": "small"},
]

folder = Path(os.environ["PI_CODING_AGENT_DIR"])
(folder / "written").write_text(
    json.dumps({"offline": os.environ.get("PI_OFFLINE")}), encoding="utf-8"
)
sys.stderr.write("Warning: Using custom model id.\n")
sys.stderr.flush()
for line in sys.stdin.buffer:
    command = json.loads(line)
    if HOW == "mute":
        sleep_for_ever()
    if command["type"] == "get_state":
        respond(command, data={**IDLE, **SELECTED})
        continue
    match HOW:
        case "hang":
            sleep_for_ever()
        case "die":
            sys.exit(3)
        case "refuse":
            emit(
                id=command["id"],
                type="response",
                command=command["type"],
                success=False,
                error="not today",
            )
        case "nonsense":
            respond(command, data={"models": 3})
        case _:
            respond(command, data={"models": USABLE if HOW == "models" else []})
