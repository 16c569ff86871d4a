"""Run one check as a process: no shell, no keys, a time limit, and no process that remains."""

from __future__ import annotations

import hashlib
import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.checks import LONGEST_OUTPUT_BYTES, Argv, CheckRun
from millracer.errors import ToolError, ToolTimeout
from millracer.ports import CheckRunner
from millracer.redaction.process import redact
from millracer.redaction.rules import holds_key
from millracer.system.output_capture import SLICE_SECONDS, without_control_sequences
from millracer.system.process_table import TOKEN_VARIABLE
from millracer.system.processes import Command, end_token, new_token, raise_if_over, spawn
from millracer.system.spawn import reap

TOOL = "check"
#: Read before the text is shortened, so that no secret is cut in two.
_KEPT_BYTES = 8 * LONGEST_OUTPUT_BYTES
_CHUNK_BYTES = 64 * 1024
_GRACE_SECONDS = 1.0
_LAST_OUTPUT_SECONDS = 1.0


class ProcessCheckRunner(CheckRunner):
    """Starts checks on this machine.

    Args:
        environment: the environment from which keys are removed; None for that of this process.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment

    def run(self, argv: Argv, folder: str, wait: Wait) -> CheckRun:
        """Run one command to its end; see the port."""
        wait.cancellation.raise_if_cancelled()
        token = new_token()
        given = os.environ if self._environment is None else self._environment
        command = Command(
            tool=TOOL,
            argv=argv,
            cwd=Path(folder),
            env={**without_keys(given), TOKEN_VARIABLE: token},
        )
        started = time.monotonic()
        output = _Tail()
        try:
            exit_code = _run(command, token, output, wait, started)
        except ToolTimeout:
            exit_code = None
            problem = f"it did not end within {time.monotonic() - started:.1f} s and was ended"
        except ToolError as error:
            return CheckRun(exit_code=None, problem=redact(error.message))
        else:
            problem = ""
        return CheckRun(
            exit_code=exit_code,
            seconds=time.monotonic() - started,
            output=output.text,
            problem=problem,
            output_sha256=output.sha256,
        )


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold no key: neither by name nor by the value of one that does."""
    keys = {value for name, value in environment.items() if holds_key(name) and value}
    return {
        name: value
        for name, value in environment.items()
        if not holds_key(name) and value not in keys
    }


class _Tail:
    """Keeps the end of an output of any length, and the digest of all of it."""

    def __init__(self) -> None:
        self._data = b""
        self._digest = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        """Append the next bytes."""
        self._digest.update(chunk)
        self._data = (self._data + chunk)[-_KEPT_BYTES:]

    @property
    def sha256(self) -> str:
        """The digest of all bytes so far, in hex."""
        return self._digest.hexdigest()

    @property
    def text(self) -> str:
        """The end as text, without secrets, colours and space around it."""
        text = without_control_sequences(self._data.decode("utf-8", "replace"))
        kept = redact(text).strip().encode()[-LONGEST_OUTPUT_BYTES:]
        return kept.decode("utf-8", "ignore").strip()


def _run(command: Command, token: str, output: _Tail, wait: Wait, started: float) -> int:
    """Run a command and end every process that it leaves; return its exit code.

    Raises:
        ToolTimeout, ToolError, Cancelled: as `processes.run`.
    """
    process = spawn(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        return _read_until_end(process, command, output, wait, started)
    finally:
        end_token(token, grace_seconds=_GRACE_SECONDS, group=process.pid)
        reap(process)


def _read_until_end(
    process: subprocess.Popen[bytes],
    command: Command,
    output: _Tail,
    wait: Wait,
    started: float,
) -> int:
    pipe = process.stdout
    if pipe is None:
        raise AssertionError("the output is a pipe")
    ended_at: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if selector.select(SLICE_SECONDS):
                chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
                output.feed(chunk)
                if not chunk:
                    break
            if process.poll() is not None:
                ended_at = ended_at or time.monotonic()
                # Another process may hold the pipe; it is ended afterwards.
                if time.monotonic() - ended_at > _LAST_OUTPUT_SECONDS:
                    break
            else:
                raise_if_over(command, wait, started)
    while process.poll() is None:
        raise_if_over(command, wait, started)
        time.sleep(SLICE_SECONDS / 10)
    return process.returncode
