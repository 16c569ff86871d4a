"""`millracer ops --json` from its options to its exit code."""

from __future__ import annotations

from millracer.cli.options.common import CommonOptions
from millracer.cli.process.garbage import collect_from_now
from millracer.cli.startup.prewarm import asks_millrace
from millracer.domain.operations import load
from millracer.schemas.ops.limits import REQUEST_LIMIT_BYTES


def answer_one(common: CommonOptions, *, stream: bool = False) -> int:
    """Answer the request on standard input and return the exit code.

    Raises:
        UsageError: standard input cannot be read.
    """
    raw = common.standard_input.read(limit=REQUEST_LIMIT_BYTES)
    if asks_millrace(raw):
        common.programs.warm_up(common.options.anywhere.options)  # before other modules load
    body = load("millracer.cli.commands.ops.request:ops")
    collect_from_now()
    code: int = body(common, raw, stream=stream)
    return code
