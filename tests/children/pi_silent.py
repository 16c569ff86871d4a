"""A pi that starts and never answers anything."""

from __future__ import annotations

from pi_base import answer_version, sleep_for_ever, write

answer_version()
write(b"starting up, please wait\n")
sleep_for_ever()
