"""Commands that are measured: started below a reaper, their words timed as they come."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parents[2]
_BESIDE_THE_LIMIT_SECONDS = 60


class Failed(Exception):
    """A measurement did not come about; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command cost and said.

    Attributes:
        cpu_seconds: of everything it started, until it ended.
        left_running: how many processes were left behind.
        errors: the lines on standard error, each with the wall clock's time at which it came.
    """

    wall_seconds: float
    cpu_seconds: float
    exit_code: int
    left_running: int
    timed_out: bool
    output: str
    errors: tuple[tuple[float, str], ...]


class Running:
    """A command under measurement; it is ended with the block."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        limit_seconds: float,
        stdin: bytes = b"",
    ) -> None:
        self._limit_seconds = limit_seconds
        self._folder = tempfile.TemporaryDirectory(prefix="millracer-bench-")
        self._result = Path(self._folder.name) / "result.json"
        self._output = Path(self._folder.name) / "stdout"
        given = Path(self._folder.name) / "stdin"
        given.write_bytes(stdin)
        self._errors: list[tuple[float, str]] = []
        reaper = (sys.executable, "-P", "-c", _REAPER, str(_ROOT), str(self._result))
        with given.open("rb") as source, self._output.open("wb") as sink:
            self._process = subprocess.Popen(
                (*reaper, str(limit_seconds), *command),
                cwd=cwd,
                env={**env},
                stdin=source,
                stdout=sink,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,))
        self._reader.start()

    @property
    def pid(self) -> int:
        """The reaper's: the root of all that is measured."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether the command has ended."""
        return self._process.poll() is not None

    def finish(self) -> Ran:
        """Wait for the end and return the measurement.

        Raises:
            Failed: there is no result.
        """
        try:
            self._process.wait(self._limit_seconds + _BESIDE_THE_LIMIT_SECONDS)
            self._reader.join()
            measured = json.loads(self._result.read_text(encoding="utf-8"))
            output = self._output.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise Failed(f"the command was not measured: {error}") from error
        finally:
            self.close()
        return Ran(output=output, errors=tuple(self._errors), **measured)

    def close(self) -> None:
        """End what still runs; repeated calls do nothing."""
        if not self.is_over:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(_BESIDE_THE_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join()
        self._folder.cleanup()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._errors.append((time.time(), line.decode("utf-8", "replace").rstrip("\n")))


# The reaper finds this package by its path and leaves the command's environment as it is.
_REAPER = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from tests.bench.reaper import main; main()"
)


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limit_seconds: float = 60.0,
    stdin: bytes = b"",
) -> Ran:
    """Run one command to its end and return the measurement.

    Raises:
        Failed: it is not known how it ended, or it had to be ended.
    """
    ran = Running(command, cwd=cwd, env=env, limit_seconds=limit_seconds, stdin=stdin).finish()
    if ran.timed_out:
        raise Failed(f"it was ended after {limit_seconds:.0f} s")
    return ran
