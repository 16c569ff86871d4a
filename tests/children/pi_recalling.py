"""A pi that says the same to every prompt, and says it again when asked for its last words."""

from __future__ import annotations

from pi_base import commands, respond, run

ANSWER = "It is blue now."

for command in commands():
    if command["type"] == "get_last_assistant_text":
        respond(command, data={"text": ANSWER})
    else:
        respond(command)
        run(ANSWER)
