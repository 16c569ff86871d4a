"""Start the Millrace fork server before the command line is parsed.

The parser takes half as long to load as Millrace; both load at the same time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from millracer.cli.startup.raw_arguments import RawArguments
from millracer.cli.terminal.stdin import StandardInput
from millracer.domain.operations import OPERATIONS
from millracer.domain.programs import variable_of

if TYPE_CHECKING:  # commands without Millrace do not need it
    from millracer.wiring import BackendFactory


_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prewarm:
    """What was prepared before a command.

    Attributes:
        standard_input: including the bytes that were read ahead.
        backends: with the fork server started; None if its use is not certain.
    """

    standard_input: StandardInput
    backends: BackendFactory | None = None


@contextmanager
def head_start(arguments: Sequence[str]) -> Iterator[Prewarm]:
    """Start what a command line will need; it ends with the block.

    Of standard input, only available bytes are read, and only for one ops request.
    """
    foresight, configured = Foresight(arguments, os.environ), _NOTHING
    if foresight.is_certain or foresight.depends_on_request:
        from millracer.wiring.user_files import peek_user_file  # noqa: PLC0415 - see above

        configured = peek_user_file()
        foresight = Foresight(arguments, os.environ, configured)
    standard_input = StandardInput()
    if not (foresight.is_certain or _is_requested(foresight, standard_input)):
        yield Prewarm(standard_input=standard_input)
        return
    from millracer.programs.discovery import resolve_programs  # noqa: PLC0415 - see above
    from millracer.wiring import BackendFactory, begin  # noqa: PLC0415 - see above

    backends = BackendFactory()
    try:
        begin(backends, resolve_programs(foresight.programs, configured=configured))
        yield Prewarm(standard_input=standard_input, backends=backends)
    finally:
        backends.close()


def _is_requested(foresight: Foresight, standard_input: StandardInput) -> bool:
    if not foresight.depends_on_request:
        return False
    raw = standard_input.read_ahead(limit=LONGEST_FORESEEN_BYTES)
    return raw is not None and asks_millrace(raw)


_COMMANDS = frozenset(
    {"operator", "status", *(name for name, each in OPERATIONS.items() if each.warms_up)}
)
_OPS = "ops"
_ONE_REQUEST = "--json"
_OTHER_FORMS = ("--jsonl", "--stream-json")
_HELP = "--help"
_NO_WARM = "--no-warm-millrace"
_NO_WARM_FIELDS = frozenset({"no_warm_millrace", "no-warm-millrace"})
_PROGRAMS = {"millrace_command": "--millrace-command", "pi_command": "--pi-command"}
_ROUTE = "--route"
_DIRECT = "direct"
#: A larger request is not parsed ahead.
LONGEST_FORESEEN_BYTES = 1 << 20


class Foresight:
    """Predict from the words of a command line whether it uses Millrace.

    Args:
        arguments: the command line without the program.
        environment: of the process.
        configured: the keys and values of the user's configuration file, unchecked.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        configured: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        words = RawArguments(arguments, environment)
        self._words = words
        self._may_warm = not (
            words.has(_NO_WARM, _HELP)
            or environment.get(variable_of(_NO_WARM))
            or (words.value(_ROUTE) or configured.get("route")) == _DIRECT
            or configured.get("no_warm_millrace") is True
        )

    @property
    def programs(self) -> dict[str, str | None]:
        """The program commands from options and variables, None where not given."""
        return {key: self._words.value(option) for key, option in _PROGRAMS.items()}

    @property
    def is_certain(self) -> bool:
        """Whether the command uses Millrace for any input."""
        return self._may_warm and self._words.command in _COMMANDS

    @property
    def depends_on_request(self) -> bool:
        """Whether the one request on standard input determines the use of Millrace."""
        words = self._words
        is_one = words.has(_ONE_REQUEST) and not words.has(*_OTHER_FORMS)
        return self._may_warm and words.command == _OPS and is_one


def asks_millrace(raw: bytes) -> bool:
    """Whether a request will probably use the fork server, without full validation."""
    request = _parse_object(raw)
    options = request.get("options") or {}
    if not isinstance(options, dict) or not _NO_WARM_FIELDS.isdisjoint(options):
        return False
    match request.get("action"):
        case "status":
            return True
        case "enqueue":
            return _DIRECT not in (request.get("route_preference"), options.get("route"))
        case _:
            return False


def _parse_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object; an empty one for any other input."""
    if len(raw) > LONGEST_FORESEEN_BYTES:
        return {}
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
