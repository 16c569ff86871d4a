"""`millracer operator` as a person or a script meets it: on a terminal, or on a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import psutil

from millracer.cli.operator.prompt import PROMPT
from tests.support.forked_command import start_command

_LIMIT_SECONDS = 60
#: A prompt that takes keys. The one before it is drawn once more when its line is sent, and what is
#: typed then is not for the next one: a Ctrl-D would be lost.
NEW_PROMPT = r"\x1b\[\?2004h.*?" + PROMPT.rstrip()
_ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])")

ENTER = "\r"
CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_BACKSLASH = "\x1c"
ALT_ENTER = "\x1b\r"
PASTE_BEGINS, PASTE_ENDS = "\x1b[200~", "\x1b[201~"
TAB = "\t"
UP = "\x1b[A"


@dataclass(frozen=True, slots=True)
class Piped:
    """How one piped session ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(slots=True, kw_only=True)
class OperatorCaller:
    """Starts `millracer operator` in one directory with a state folder of its own.

    Attributes:
        options: common options of every session.
        environment: variables added to the test's.
        before: words before the command, such as a program that runs it.
        forks: whether piped sessions are forked from a server instead of started with Python.
    """

    cwd: Path
    state: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    forks: bool = False

    @contextmanager
    def started(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a session on pipes; it ends with the block."""
        process = start_command(
            (*self._arguments, *options),
            cwd=self.cwd,
            env=self._variables(),
            forks=self.forks,
            parent=self.before,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            process.wait()

    def pipe(self, lines: bytes | str, *options: str) -> Piped:
        """Send all lines and wait for the end."""
        text = lines.encode() if isinstance(lines, str) else lines
        with self.started(*options) as process:
            return finish(process, text)

    def terminal(
        self, *options: str, columns: int = 80, rows: int = 40, **environment: str
    ) -> Terminal:
        """Open a session on a terminal of its own."""
        program, *arguments = self._command
        shown = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **environment}
        return Terminal(
            pexpect.spawn(
                program,
                [*arguments, *options],
                cwd=str(self.cwd),
                # No terminal answers here when the program asks for the cursor's place.
                env=self._variables(**shown),
                dimensions=(rows, columns),
                encoding="utf-8",
                codec_errors="replace",
                timeout=_LIMIT_SECONDS,
            ),
            prompt=PROMPT.rstrip() if shown["TERM"] == "dumb" else NEW_PROMPT,
        )

    @property
    def _command(self) -> tuple[str, ...]:
        return (*self.before, sys.executable, "-m", "millracer", *self._arguments)

    @property
    def _arguments(self) -> tuple[str, ...]:
        return ("operator", *self.options)

    def _variables(self, **more: str) -> dict[str, str]:
        state = {"MILLRACER_STATE_DIR": str(self.state)}
        return {**os.environ, **state, **self.environment, **more}


def finish(process: subprocess.Popen[bytes], lines: bytes | None = None) -> Piped:
    """Send the rest of standard input, close it, and wait for the end."""
    stdout, stderr = process.communicate(lines, timeout=_LIMIT_SECONDS)
    return Piped(process.returncode, stdout.decode(), stderr.decode())


class Terminal:
    """One session on a terminal; leaving the block ends what is left of it."""

    def __init__(self, child: pexpect.spawn[str], *, prompt: str) -> None:
        self.child = child
        self._prompt = prompt
        self._seen: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.child.isalive():
            with suppress(ProcessLookupError):
                os.kill(self.child.pid, signal.SIGTERM)
            with suppress(pexpect.TIMEOUT):
                self.child.expect(pexpect.EOF, timeout=10)
        self.child.close(force=True)

    @property
    def process(self) -> psutil.Process:
        """The session's process."""
        return psutil.Process(self.child.pid)

    @property
    def pis(self) -> list[int]:
        """The process ids of the conversations that run."""
        return [
            child.pid
            for child in self.process.children()
            # The real pi shows its name alone, however it was called.
            if child.status() != psutil.STATUS_ZOMBIE
            and ("rpc" in child.cmdline() or child.name() == "pi")
        ]

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def says(self, *patterns: str) -> str:
        """Wait for these in turn and return what came until the last one's end, as plain text."""
        said = ""
        for pattern in patterns:
            self.child.expect(pattern)
            said += self.child.before + self.child.after
        return plain(said)

    def prompts(self) -> str:
        """Wait for the prompt and return what came before it."""
        return self.says(self._prompt)

    def enter(self, line: str, *patterns: str) -> str:
        """Send a line and return what came until the next prompt, the patterns among it."""
        self.type(line + ENTER)
        said = self.says(*patterns) if patterns else ""
        return said + self.prompts()

    def leave(self, how: str = CTRL_D) -> int:
        """Leave and return the exit code."""
        self.type(how)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end and return the exit code."""
        self.child.expect(pexpect.EOF)
        self.last = plain(self.child.before)
        self.child.wait()
        code = self.child.exitstatus
        assert code is not None, f"it was ended by signal {self.child.signalstatus}"
        return code


def plain(text: str) -> str:
    """Return what came on a terminal without its escape codes."""
    return _ESCAPE.sub("", text).replace("\r", "")


def wait_for(holds: Callable[[], object], what: str) -> None:
    """Wait for something that happens by itself."""
    limit = time.monotonic() + _LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < limit, f"it never happened: {what}"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Whether no such process lives."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
