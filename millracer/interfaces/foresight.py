"""What a command will ask of Millrace, seen before its command line and its request are read.

Only what is plain to see counts, and nothing is refused here: where this is wrong, a warm Millrace
was begun for nothing, or is begun later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from millracer.interfaces.raw_words import RawWords, variable_of

_COMMANDS = frozenset({"run", "operator", "status", "submit", "watch", "cancel", "pause", "resume"})
_OPS = "ops"
_ONE_REQUEST = "--json"
_OTHER_FORMS = ("--jsonl", "--stream-json")
_HELP = "--help"
_NO_WARM = "--no-warm-millrace"
_NO_WARM_FIELDS = frozenset({"no_warm_millrace", "no-warm-millrace"})
_PROGRAMS = {"millrace_command": "--millrace-command", "pi_command": "--pi-command"}
_ROUTE = "--route"
_DIRECT = "direct"
#: A larger request is not looked at twice.
LONGEST_FORESEEN_BYTES = 1 << 20


class Foresight:
    """What the words of a command line say of its use of Millrace.

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
        words = RawWords(arguments, environment)
        self._words = words
        self._may_warm = not (
            words.has(_NO_WARM, _HELP)
            or environment.get(variable_of(_NO_WARM))
            or (words.value(_ROUTE) or configured.get("route")) == _DIRECT
            or configured.get("no_warm_millrace") is True
        )

    @property
    def programs(self) -> dict[str, str | None]:
        """What options and variables call each program, None where they call it nothing."""
        return {key: self._words.value(option) for key, option in _PROGRAMS.items()}

    @property
    def is_certain(self) -> bool:
        """Whether the command will ask Millrace, whatever it reads."""
        return self._may_warm and self._words.command in _COMMANDS

    @property
    def depends_on_request(self) -> bool:
        """Whether one request, on standard input, says if Millrace will be asked."""
        words = self._words
        is_one = words.has(_ONE_REQUEST) and not words.has(*_OTHER_FORMS)
        return self._may_warm and words.command == _OPS and is_one


def asks_millrace(raw: bytes) -> bool:
    """Whether a request will have a warm Millrace do its work, as far as is plain to see."""
    request = _object_of(raw)
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


def _object_of(raw: bytes) -> dict[str, object]:
    """Return the JSON object, an empty one for whatever else it is."""
    if len(raw) > LONGEST_FORESEEN_BYTES:
        return {}
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
