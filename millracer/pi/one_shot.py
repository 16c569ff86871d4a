"""Run pi with one `pi --print` process per turn: no conversation, no state between turns.

The prompt is written to standard input: as an argument it would have a size limit and could be read
as an option or a file. Processes that a turn started end with it. pi reports less here than over
RPC: an answer that was cut at the model's output limit may look complete, the process start counts
as part of the turn, and white space around a prompt is lost.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace

from millracer.cancellation import Cancellation, Wait
from millracer.domain.models import AgentModels, Model
from millracer.errors import MillracerError, ProtocolError
from millracer.pi import errors
from millracer.pi.exchange import refuse_spent
from millracer.pi.frames import TOOL, ModelData
from millracer.pi.options import PiOptions
from millracer.pi.rpc import RpcPi, ask_models, resolve_model
from millracer.pi.session import PiSession
from millracer.pi.turn import EndKind, TurnEnd
from millracer.ports import TextListener
from millracer.system import process_table, processes
from millracer.system.output_capture import Output, OutputTooLong, collect
from millracer.system.proc import shows_processes
from millracer.system.spawn import reap

_ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
_LAST_WORDS_SECONDS = 1.0
_GRACE_SECONDS = 2.0
_FIND_MODEL_SECONDS = 15.0
_URGENT_GRACE_SECONDS = 0.2
#: Prefix for a prompt that pi would read as a command; pi removes white space, but not words.
_PLAIN_TEXT_HEADER = "The prompt:\n"


class PrintPi(PiSession):
    """A pi session in which each turn is a new conversation; any thread may call `close`."""

    def __init__(self, options: PiOptions) -> None:
        super().__init__(options)
        self._token = processes.new_token()
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Check that pi is installed and supported; a process starts only with each turn.

        Raises:
            ToolNotFound: there is no such program.
            ToolUnsupported: its version is not supported.
            UsageError: this version requires a model with the provider.
            ToolFailed: the session was closed.
        """
        self._begin(Cancellation())

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        """Run pi for one prompt and return its answer; the listener gets it once, complete.

        Raises:
            ToolTimeout: pi did not end in time; it and its descendants were ended.
            ToolFailed: the model or pi failed, or the answer was empty.
            ProtocolError: the answer is not UTF-8 text, or is too long.
            Cancelled: the caller cancelled; pi and its descendants were ended.
        """
        refuse_spent(wait)
        self._begin(wait.cancellation)
        child = self._start()
        started = time.monotonic()
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
            self._meter.add_turn((), time.monotonic() - started)
        if self._closed:
            raise errors.closed()
        stderr = output.stderr.lines()
        self._note_own_warnings(stderr)
        if exit_code == 1 and errors.is_unreachable(errors.error_line(stderr)):
            raise errors.print_failure(exit_code, stderr, self._find_model(wait))
        answer = _read_answer(exit_code, output.stdout.data, stderr)
        if on_text is not None:
            on_text(answer)
        return answer

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Start a pi with a model's name, and return the model that it selects."""
        return resolve_model(self._options, provider, model, wait)

    @property
    def _is_ready(self) -> bool:
        """Whether pi answers without a start: never, each turn is a new process."""
        return False

    def ask_models(self, wait: Wait) -> AgentModels:
        """Start a pi for its models, without the cache, and end it."""
        self._begin(wait.cancellation)
        return ask_models(self._options, wait)

    def close(self, wait: Wait) -> None:
        """Refuse new turns and end every process; never raises, repeatable.

        A turn that runs in another thread ends with an error there.
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
        owned = replace(command, env={**environment, process_table.TOKEN_VARIABLE: self._token})
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

    def _find_model(self, wait: Wait) -> ModelData | None:
        """Return the model of the failed turn, which only a conversation over RPC reports."""
        conversation = RpcPi(self._options)
        try:
            return conversation.find_model(wait.within(_FIND_MODEL_SECONDS))
        except MillracerError:
            return None
        finally:
            conversation.close(wait.cleaning_up(_GRACE_SECONDS))

    def _end_all(self, wait: Wait) -> None:
        hurried = wait.cancellation.reason is not None or wait.expired
        grace = _URGENT_GRACE_SECONDS if hurried else min(_GRACE_SECONDS, wait.remaining)
        child = self._child
        processes.end_token(
            self._token,
            grace_seconds=grace,
            group=None if child is None or shows_processes() else child.pid,
        )


def _read_answer(exit_code: int, stdout: bytes, stderr: tuple[str, ...]) -> str:
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
    """Prefix a prompt that pi would read as a command."""
    return f"{_PLAIN_TEXT_HEADER}{prompt}" if prompt.lstrip().startswith("/") else prompt
