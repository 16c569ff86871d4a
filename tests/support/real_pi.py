"""A real pi whose model a test scripts, turn by turn."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from millracer.cancellation import Wait
from millracer.demo.scripted_model import (
    MODEL_ID,
    PROVIDER,
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.pi.install import Version
from millracer.pi.one_shot import PrintPi
from millracer.pi.options import PiOptions
from millracer.pi.rpc import RpcPi

Responder = Callable[[ModelRequest], Reply]


def requests_of_a_try(version: Version) -> int:
    """How many failures one try of this pi takes: until 0.76 its model library asks thrice."""
    return 3 if version < (0, 76, 0) else 1


def asks_again_when_cut_off(version: Version) -> bool:
    """Whether this pi distinguishes a closed connection from a model that stopped."""
    return version > (0, 73, 1)


class ScriptedReplies:
    """A responder that plays a list of replies; a request too many is refused with status 400."""

    def __init__(self) -> None:
        self._replies: deque[Reply] = deque()

    def will(self, *replies: Reply) -> None:
        """Add replies for the next requests."""
        self._replies.extend(replies)

    def __call__(self, request: ModelRequest) -> Reply:
        if not self._replies:
            return Reply.error(400, f"no reply is scripted for {request.last_user_text!r}")
        return self._replies.popleft()


@contextmanager
def real_pi(
    command: str, folder: Path, responder: Responder, **options: object
) -> Iterator[tuple[RpcPi, ScriptedModel]]:
    """Yield a conversation with the real pi and its model; both are ended behind it.

    Keyword arguments replace fields of `PiOptions`.
    """
    with _model(command, folder, responder, options) as (settings, model):
        pi = RpcPi(settings)
        try:
            yield pi, model
        finally:
            pi.close(Wait.for_seconds(20))


@contextmanager
def real_print_pi(
    command: str, folder: Path, responder: Responder, **options: object
) -> Iterator[tuple[PrintPi, ScriptedModel]]:
    """Yield the same with one process a turn."""
    with _model(command, folder, responder, options) as (settings, model):
        pi = PrintPi(settings)
        try:
            yield pi, model
        finally:
            pi.close(Wait.for_seconds(20))


@contextmanager
def _model(
    command: str, folder: Path, responder: Responder, options: Mapping[str, object]
) -> Iterator[tuple[PiOptions, ScriptedModel]]:
    with ScriptedModel(responder) as model:
        write_agent_directory(folder / "agent", model.base_url)
        work = folder / "work"
        work.mkdir(exist_ok=True)
        settings = {
            "argv": (command,),
            "cwd": work,
            "env": {**os.environ, **agent_environment(folder / "agent", folder)},
            "provider": PROVIDER,
            "model": MODEL_ID,
            **options,
        }
        yield PiOptions(**settings), model
