"""Shorten the ids of work items in text for a person."""

from __future__ import annotations

import re

from millracer.cli.terminal.style import Stream, is_terminal

#: An id as `domain.work.identity` builds it, not in a path; or a command of Millrace, which needs
#: the whole id.
_ID = re.compile(
    r"(?P<whole>\bmillrace [^\s)`][^)`\n]*)"
    r"|(?<![\w./-])(?P<short>[a-z0-9][a-z0-9-]*-[0-9a-f]{8})[0-9a-f]{12}(?![\w/-]|\.\w)"
)


def shorten_ids(text: str, stream: Stream) -> str:
    """Return the text with the beginning of each id, on a terminal; unchanged in a pipe.

    The beginning names the item as an argument of every command.
    """
    if not is_terminal(stream):
        return text
    return _ID.sub(lambda found: found["whole"] or found["short"], text)
