"""The coding agent with one `pi --print` process a turn: no conversation, nothing kept between.

The prompt goes by standard input and its end, for as an argument it could be taken for an option or
a file and has a size limit. What a turn started ends with it. pi says less of itself here than over
RPC: an answer that was cut at the model's output limit may look whole, the start of the process
counts as part of the turn, and white space around a prompt is lost.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace

from millracer.cancellation import Cancellation, Wait
from millracer.errors import ProtocolError
from millracer.pi import errors
from millracer.pi.exchange import refuse_spent
from millracer.pi.frames import TOOL
from millracer.pi.options import PiOptions
from millracer.pi.session import PiSession
from millracer.pi.turn import EndKind, TurnEnd
from millracer.ports import TextListener
from millracer.system import processes
from millracer.system.output_capture import Output, OutputTooLong, collect
from millracer.system.proc import shows_processes
from millracer.system.spawn import reap

_ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
_LAST_WORDS_SECONDS = 1.0
_GRACE_SECONDS = 2.0
_URGENT_GRACE_SECONDS = 0.2
#: Stands before a prompt that pi would take for a command; pi drops white space, words it keeps.
_PLAIN_TEXT_HEADER = "The prompt:\n"


class PrintPi(PiSession):
    """Each turn is a new conversation; `close` may be called from any thread."""

    def __init__(self, options: PiOptions) -> None:
        super().__init__(options)
        self._token = processes.new_token()
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """See that pi is there and supported; a process starts with each turn only.

        Raises:
            ToolNotFound: there is no such program.
            ToolUnsupported: its version is refused.
            UsageError: this version needs a model beside the provider.
            ToolFailed: the session was closed.
        """
        self._begin(Cancellation())

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        """Run pi for one prompt and return its answer; the listener hears it once, whole.

        Raises:
            ToolTimeout: pi did not end in time; it and all it started was ended.
            ToolFailed: the model or pi failed, or the answer was empty.
            ProtocolError: the answer is no text, or has no end.
            Cancelled: the caller asked to stop; pi and all it started was ended.
        """
        refuse_spent(wait)
        self._begin(wait.cancellation)
        child = self._start()
        output = Output(TOOL, limit=_ANSWER_LIMIT_BYTES)
        try:
            exit_code = collect(
                child,
                output,
                lambda: self._refuse_over(wait),
                stdin=_as_plain_text(prompt).encode("utf-8", "replace"),
                last_words_seconds=_LAST_WORDS_SECONDS,
            )
        except OutputTooLong as exc:
            raise ProtocolError(
                TOOL, f"pi's answer is longer than {_ANSWER_LIMIT_BYTES} bytes"
            ) from exc
        finally:
            self._end_all(wait.cleaning_up(_GRACE_SECONDS))
            reap(child)
            self._child = None
        if self._closed:
            raise errors.closed()
        said = output.stderr.lines()
        for text in errors.warning_texts(said):
            self._note("pi_warning", text)
        answer = _answer(exit_code, output.stdout.data, said)
        if on_text is not None:
            on_text(answer)
        return answer

    def close(self, wait: Wait) -> None:
        """Let no more turns begin and end every process; never raises, repeatable.

        A turn that another thread waits for ends in an error there.
        """
        with self._lock:
            self._closed = True
        self._end_all(wait)

    def _begin(self, cancellation: Cancellation) -> None:
        if self._closed:
            raise errors.closed()
        self._check_version(cancellation)

    def _start(self) -> subprocess.Popen[bytes]:
        command = self._options.command("--print")
        environment: Mapping[str, str] = command.env or {}
        owned = replace(command, env={**environment, processes.TOKEN_VARIABLE: self._token})
        with self._lock:
            if self._closed:
                raise errors.closed()
            self._child = processes.spawn(
                owned, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            return self._child

    def _refuse_over(self, wait: Wait) -> None:
        if self._closed:
            raise errors.closed()
        refuse_spent(wait)

    def _end_all(self, wait: Wait) -> None:
        hurried = wait.cancellation.reason is not None or wait.expired
        grace = _URGENT_GRACE_SECONDS if hurried else min(_GRACE_SECONDS, wait.remaining)
        child = self._child
        processes.end_token(
            self._token,
            grace_seconds=grace,
            group=None if child is None or shows_processes() else child.pid,
        )


def _answer(exit_code: int, stdout: bytes, stderr: tuple[str, ...]) -> str:
    if exit_code != 0:
        raise errors.print_failure(exit_code, stderr)
    try:
        answer = stdout.decode().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raw = stdout.decode("utf-8", "replace")
        raise ProtocolError(TOOL, "pi's answer is not UTF-8", raw=raw) from exc
    if not answer.strip():
        raise errors.turn_failure(TurnEnd(EndKind.EMPTY, words="\n".join(stderr)))
    return answer


def _as_plain_text(prompt: str) -> str:
    """Keep pi from taking a prompt for a command of its own."""
    return f"{_PLAIN_TEXT_HEADER}{prompt}" if prompt.lstrip().startswith("/") else prompt
