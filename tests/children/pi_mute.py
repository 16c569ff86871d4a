"""A pi that ends its attempt and then answers no question any more."""

from __future__ import annotations

from pi_base import commands, respond, run, sleep_for_ever

for command in commands():
    respond(command)
    run("unconfirmed")
    sleep_for_ever()
