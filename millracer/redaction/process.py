"""The secrets of this process, and their removal from every text that leaves it.

Every output uses this module: documents, standard error, the operator's screen, failure reports to
pi, the session store. `millracer.redaction.rules` has the rules and is imported with the first
text. Keys in a tool's environment are added when the tool is started.
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
    """Return the text without the secrets known so far."""
    return _current().text(text)


def redacted_stream() -> RedactedStream:
    """Return a stream that removes the secrets known so far from a text in pieces."""
    from millracer.redaction.stream import RedactedStream  # noqa: PLC0415 - see above

    return RedactedStream(_current())


def learn_environment(environment: Mapping[str, str]) -> None:
    """Treat values that look like keys in a tool's environment as secret from now on."""
    global _redaction  # noqa: PLW0603 - one process has one set of secrets
    added = environment.items() - os.environ.items()
    with _changing:
        if not _variables.issuperset(added):
            _variables.update(added)
            _redaction = None


def _current() -> Redaction:
    global _redaction  # noqa: PLW0603 - the same
    known = _redaction  # without the lock: it is replaced whole
    if known is not None:
        return known
    from millracer.redaction.rules import Redaction, secret_values  # noqa: PLC0415 - see above

    with _changing:
        if _redaction is None:
            variables = (*os.environ.items(), *_variables)
            _redaction = Redaction(secret_values(variables))
        return _redaction
