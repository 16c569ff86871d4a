"""Commands that write without measure."""

from __future__ import annotations

import subprocess
import sys

import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolFailed
from millracer.system import processes
from millracer.system.output_capture import Output, collect
from millracer.system.processes import Command
from millracer.system.spawn import reap
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


_ECHO = "import sys; data = sys.stdin.buffer.read(); print(len(data))"
_LEAVES_A_TOOL = """
import subprocess, sys
subprocess.Popen((sys.executable, "-c", "import time; time.sleep(60)"))
print("said")
"""


def _started(program: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return processes.spawn(command(program), stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("size", [0, 1_000_000])
def test_standard_input_is_written_whole_and_ended(size: int) -> None:
    process, output = _started(_ECHO), Output("millrace")
    try:
        wait = Wait.for_seconds(60)
        code = collect(process, output, wait.cancellation.raise_if_cancelled, stdin=b"x" * size)
    finally:
        processes.end_group(process.pid, grace_seconds=0)
        reap(process)

    assert (code, output.stdout.data) == (0, f"{size}\n".encode())


def test_a_pipe_that_a_tool_inherited_is_read_for_the_last_words_alone() -> None:
    process, output = _started(_LEAVES_A_TOOL), Output("millrace")
    try:
        code = collect(process, output, lambda: None, stdin=b"", last_words_seconds=0.5)
        assert (code, output.stdout.text) == (0, "said\n")
    finally:
        processes.end_group(process.pid, grace_seconds=0)
        reap(process)
