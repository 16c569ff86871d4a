"""What is secret in this process, and the one way to take it out of a text that leaves us.

Every output asks here: documents, standard error, the operator's screen, what pi is told of
failures, the session store. The rules are `millracer.redaction.rules`'s, which is loaded with the
first text only. What a tool is handed in its environment becomes known when it is started.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millracer.redaction.rules import Redaction
    from millracer.redaction.stream import RedactedStream


_changing = threading.Lock()
_variables: set[tuple[str, str]] = set()
_redaction: Redaction | None = None


def redact(text: str) -> str:
    """Return the text without the secrets that are known by now."""
    return _current().text(text)


def redacted_stream() -> RedactedStream:
    """Return what takes the secrets known by now out of a text that comes in pieces."""
    from millracer.redaction.stream import RedactedStream  # noqa: PLC0415 - see above

    return RedactedStream(_current())


def learn_environment(environment: Mapping[str, str]) -> None:
    """Count what looks like a key in a tool's environment as secret from now on."""
    global _redaction  # noqa: PLW0603 - one process has one set of secrets
    added = environment.items() - os.environ.items()
    with _changing:
        if not _variables.issuperset(added):
            _variables.update(added)
            _redaction = None


def _current() -> Redaction:
    global _redaction  # noqa: PLW0603 - the same
    from millracer.redaction.rules import Redaction, secret_values  # noqa: PLC0415 - see above

    with _changing:
        if _redaction is None:
            variables = (*os.environ.items(), *_variables)
            _redaction = Redaction(secret_values(variables))
        return _redaction
