"""A pi that floods standard error and mixes other lines into its protocol."""

from __future__ import annotations

import sys

from pi_base import commands, emit, message_end, respond, write

sys.stderr.buffer.write(b'Warning: Model "x" not found.\n\xff\xfe\n')
for command in commands():
    for _ in range(50):
        sys.stderr.buffer.write(b"\x1b[31mlog \xff line\x1b[0m\n" * 58_000)
    sys.stderr.buffer.flush()
    write(b"an extension logs here\n42\n\n{broken\n")
    respond(command)
    emit(type="agent_start")
    write(b"and \xff here\n")
    message_end("heard")
    emit(type="agent_end", messages=["x" * 3_000_000])
