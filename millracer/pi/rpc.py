"""Run pi as one conversation over `pi --mode rpc`.

Starts pi, sends prompts, aborts turns and closes the conversation. `turn` interprets frames,
`exchange` executes one prompt, `channel` owns the process, and `options` has its flags. A turn that
exceeds its time is aborted, and the process is kept. A pi that died or violated its protocol is
ended, and the next prompt starts a new one: `notices` then reports that the conversation was lost.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.models import AgentModels, Model
from millracer.errors import MillracerError, ProtocolError, ToolFailed, ToolTimeout
from millracer.pi import errors, frames, install
from millracer.pi.channel import ChannelEnded, PiChannel
from millracer.pi.exchange import Exchange, receive, refuse_spent
from millracer.pi.options import PiOptions
from millracer.pi.session import PiSession
from millracer.pi.turn import EndKind, Turn
from millracer.ports import TextListener

#: How long pi may take to become idle after an abort before it is ended.
ABORT_SECONDS = 10.0
_FIRST_WRITE_SECONDS = 5.0
#: The least time for a cold start, however short the turn: an idle machine needs 3 s, a loaded one
#: several times that.
LEAST_START_SECONDS = 20.0
_DISCARD_SECONDS = 5.0
#: The provider that pi reports when it has no model.
_NO_PROVIDER = "unknown"


class RpcPi(PiSession):
    """One conversation; any thread may call `close`, one thread at a time everything else."""

    def __init__(self, options: PiOptions) -> None:
        super().__init__(options)
        self._channel: PiChannel | None = None
        self._ready = False
        self._model: frames.ModelData | None = None
        self._busy = False
        self._lost = False
        self._count = 0

    def begin(self) -> None:
        """Start pi without waiting for it; repeated calls do nothing.

        Raises:
            ToolNotFound: there is no such program.
            ToolUnsupported: its version is not supported.
            UsageError: this version requires a model with the provider.
            ToolFailed: it cannot be started, or the conversation was closed.
        """
        self._begin(Cancellation())

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        """Send one prompt and return the full text of its answer, never empty.

        A cold start does not count as part of the turn. Its limit is the turn's limit, but at least
        `LEAST_START_SECONDS` and at most `start_timeout_seconds`. The listener may get text of a
        failed attempt that pi then retries.

        Raises:
            ToolTimeout: the turn did not end in time; it was aborted.
            ToolFailed: the model or pi failed, or the answer was empty or cut off.
            ProtocolError: pi violated its protocol; it was ended.
            Cancelled: the caller cancelled; the turn was aborted.
        """
        refuse_spent(wait)
        seconds = wait.remaining
        patience = Wait(wait.cancellation).within(max(seconds, LEAST_START_SECONDS))
        channel = self._ready_channel(patience)
        turn_wait = Wait(wait.cancellation, time.monotonic() + seconds)
        self._count += 1
        turn = Turn(f"prompt-{self._count}")
        exchange = Exchange(channel, turn, on_text)
        started = time.monotonic()
        channel.listen_to_text(wanted=on_text is not None)
        try:
            self._busy = True
            end = exchange.run(_as_plain_text(prompt), turn_wait)
        except ChannelEnded as exc:
            raise self._after_death(channel, turn_wait) from exc
        except (ProtocolError, ToolFailed):
            self._discard(channel, turn_wait)
            raise
        except BaseException:
            self._stop_turn(exchange, turn_wait)
            raise
        finally:
            self._busy = False
            if exchange.sent:
                self._meter.add_turn(turn.messages, time.monotonic() - started)
            self._note_own_warnings(channel.stderr_lines)
        if end.kind is not EndKind.ANSWERED:
            raise errors.turn_failure(end, self._model)
        return end.text

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Start another pi with a model's name, and return the model that it selects."""
        return resolve_model(self._options, provider, model, wait)

    def find_model(self, wait: Wait) -> frames.ModelData | None:
        """Return the selected model, None if pi has none; sends no model request.

        Raises:
            ToolTimeout, ToolFailed, ProtocolError, Cancelled: as `ask_models`.
        """
        self._ready_channel(wait)
        return self._model

    def close(self, wait: Wait) -> None:
        """End the conversation and every process it left; never raises, repeatable.

        A turn that runs in another thread ends with an error there. If the wait is cancelled, pi is
        killed immediately instead of being ended gracefully.
        """
        with self._lock:
            self._closed = True
            channel = self._channel
        if channel is not None:
            channel.end(wait, busy=self._busy)

    @property
    def _is_ready(self) -> bool:
        """Whether pi answers without a start."""
        return self._ready and self._channel is not None

    def ask_models(self, wait: Wait) -> AgentModels:
        """Ask pi for its models, without the cache; a pi that does not answer is ended."""
        channel = self._ready_channel(wait)
        try:
            return self._read_models(channel, wait)
        except ChannelEnded as exc:
            raise self._after_death(channel, wait) from exc
        except MillracerError:
            self._discard(channel, wait)
            raise
        finally:
            self._note_own_warnings(channel.stderr_lines)

    def _read_models(self, channel: PiChannel, wait: Wait) -> AgentModels:
        request = frames.Request(type="get_available_models", id="models")
        channel.send(request, wait)
        while not wait.expired:
            wait.cancellation.raise_if_cancelled()
            match receive(channel, wait.remaining, wait):
                case frames.ModelsResponse(data=data):
                    return self._models(data.models)
                case frames.Response(id=request.id, error=error):
                    raise errors.refused("list its models", error, channel.stderr_lines)
        raise ToolTimeout(frames.TOOL, "pi did not list its models in time")

    def _models(self, usable: tuple[frames.ModelData, ...]) -> AgentModels:
        selected, options = self._model, self._options
        has_none = selected is None or selected.provider == _NO_PROVIDER
        return AgentModels(
            selected=None if selected is None or has_none else _model(selected),
            usable=tuple(map(_model, usable)),
            by_default=options.provider is None and options.model is None,
            resolves_by_credentials=install.resolves_by_credentials(self._version or ""),
        )

    def _begin(self, cancellation: Cancellation) -> PiChannel:
        if self._channel is None:
            self._check_version(cancellation)
        with self._lock:
            if self._closed:
                raise errors.closed()
            if self._channel is None:
                self._channel = PiChannel(self._options.command("--mode", "rpc"))
                self._ready = False
                with suppress(ChannelEnded):  # `_ready_channel` reports why pi ended
                    self._channel.send(
                        frames.Request(type="get_state", id="ready"),
                        Wait.for_seconds(_FIRST_WRITE_SECONDS),
                    )
                if self._lost:
                    # The count makes each restart in a long conversation a separate notice.
                    self._note(
                        "pi_restarted",
                        f"pi was restarted after {self._count} turns; the conversation is lost",
                    )
            return self._channel

    def _ready_channel(self, patience: Wait) -> PiChannel:
        cancellation = patience.cancellation
        channel = self._begin(cancellation)
        if self._ready and channel.exit_code is not None:
            self._discard(channel, Wait(cancellation))
            channel = self._begin(cancellation)
        if self._ready:
            return channel
        limit = Wait(cancellation, channel.started + self._options.start_timeout_seconds)
        wait = limit.within(patience.remaining)
        try:
            while not self._ready:
                cancellation.raise_if_cancelled()
                frame = receive(channel, wait.remaining, wait)
                if isinstance(frame, frames.StateResponse):
                    self._ready, self._model = True, frame.data.model
                elif wait.expired:
                    raise errors.start_timeout(
                        time.monotonic() - channel.started,
                        channel.stderr_lines,
                        channel.skipped_lines,
                    )
        except ChannelEnded as exc:
            channel.await_last_output()
            error = errors.start_failure(channel.exit_code, channel.stderr_lines)
            self._discard(channel, wait)
            raise (errors.closed() if self._closed else error) from exc
        except MillracerError:
            self._discard(channel, wait)
            raise
        return channel

    def _stop_turn(self, exchange: Exchange, wait: Wait) -> None:
        """Abort the turn and wait until pi is idle; end a pi that does not become idle."""
        if not exchange.sent:
            return
        try:
            at_rest = exchange.abort(wait.cleaning_up(ABORT_SECONDS))
        except (ChannelEnded, MillracerError, Cancelled):
            at_rest = False
        if not at_rest:
            self._discard(exchange.channel, wait)

    def _after_death(self, channel: PiChannel, wait: Wait) -> ToolFailed:
        if self._closed:
            return errors.closed()
        channel.await_last_output()
        error = errors.death(channel.exit_code, channel.stderr_lines)
        self._discard(channel, wait)
        return error

    def _discard(self, channel: PiChannel, wait: Wait) -> None:
        """End this pi; the next prompt will start another."""
        with self._lock:
            if self._channel is channel:
                self._channel = None
                self._lost = self._lost or self._ready
        channel.end(wait.cleaning_up(_DISCARD_SECONDS), busy=False)


def resolve_model(
    options: PiOptions, provider: str | None, model: str | None, wait: Wait
) -> Model | None:
    """Start a pi with a model's name, and return the model that it selects; None without one.

    Raises:
        ToolFailed: pi refuses the name.
        MillracerError: as `RpcPi.ask_models`.
    """
    named = replace(options, provider=provider, model=model, skills=())
    return ask_models(named, wait).selected


def ask_models(options: PiOptions, wait: Wait) -> AgentModels:
    """Start a pi, list its models and end it.

    Raises:
        MillracerError: as `RpcPi.ask_models`.
    """
    pi = RpcPi(options)
    try:
        return pi.ask_models(wait)
    finally:
        pi.close(Wait(wait.cancellation).cleaning_up(_DISCARD_SECONDS))


def _model(data: frames.ModelData) -> Model:
    return Model(provider=data.provider, model_id=data.id, name=data.name or "")


def _as_plain_text(prompt: str) -> str:
    """Keep pi from reading a prompt as a command: it checks the first character only."""
    return f"\n{prompt}" if prompt.startswith("/") else prompt
