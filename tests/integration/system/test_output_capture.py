"""Commands that write without measure."""

from __future__ import annotations

import sys

import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolFailed
from millracer.system import processes
from millracer.system.processes import Command
from tests.support.processes import children

_FLOOD = """
import sys
sys.stderr.write("the beginning\\n")
for _ in range(50):
    sys.stderr.write(("y" * 99 + "\\n") * 10_500)
    sys.stdout.write("z" * 100_000)
    sys.stdout.flush()
sys.stderr.write("error: the end\\n")
raise SystemExit(3)
"""
_ENDLESS = "import sys\nwhile True: sys.stdout.write('x' * 65536)"


def command(program: str) -> Command:
    return Command(tool="millrace", argv=(sys.executable, "-c", program))


def test_of_fifty_megabytes_of_errors_the_ends_are_kept_and_all_of_the_output() -> None:
    ran = processes.run(command(_FLOOD), Wait.for_seconds(60))

    assert ran.exit_code == 3
    assert ran.stdout == "z" * 5_000_000
    assert ran.stderr.startswith("the beginning\n")
    assert ran.stderr.endswith("error: the end\n")
    assert len(ran.stderr) < 100_000


def test_a_command_that_never_stops_writing_is_ended_with_an_error() -> None:
    with pytest.raises(ToolFailed, match="64 MiB"):
        processes.run(command(_ENDLESS), Wait.for_seconds(60))

    assert not [each for each in children() if _ENDLESS in each.cmdline()]
