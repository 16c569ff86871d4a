"""Quote caller text for Millrace's documents, as lines or as values.

Millrace ends a line at eleven characters, strips every line, refuses empty list items and reads
`Label:` as a header. So a text is split at LF alone, and each line takes one of three forms, which
survive this and cannot be confused with a header, an item or fixed text:

* `| line` for a line that needs no escape, and a bare `|` for an empty line;
* `json "line"`, a JSON string, for a line that ends in white space or holds a character that would
  be stripped, would end the line or cannot be stored;
* `json ["begin", "end"]`, to be concatenated, for a line in which the two halves of a surrogate
  pair are adjacent but separate characters, which one JSON string cannot express.

Quoting is one to one: a line has one form, and `unquote_line` refuses every other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

#: C0 (tab excepted), DEL and C1, the two Unicode separators, lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPLIT_PAIR = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")
_JSON_MARK = "json "


def quote_text(text: str) -> tuple[str, ...]:
    """Return the text's lines in quoted form; at least one."""
    return tuple(quote_line(line) for line in text.split("\n"))


def unquote_text(forms: Iterable[str]) -> str:
    """Return the text that `quote_text` quoted.

    Raises:
        ValueError: an entry is not a quoted line.
    """
    return "\n".join(unquote_line(form) for form in forms)


def is_quoted(form: str) -> bool:
    """Whether a form is a quoted line; fixed text of a document never looks like one."""
    return form == "|" or form.startswith(("| ", _JSON_MARK))


def quote_line(line: str) -> str:
    """Return one line, which contains no LF, in quoted form."""
    if not line:
        return "|"
    if _UNSAFE.search(line) or line != line.rstrip():
        return _JSON_MARK + quote_value(line)
    return f"| {line}"


def unquote_line(form: str) -> str:
    """Return the line that `quote_line` quoted.

    Raises:
        ValueError: `quote_line` returns this form for no line.
    """
    if form == "|":
        line = ""
    elif form.startswith("| "):
        line = form[2:]
    elif form.startswith(_JSON_MARK):
        line = unquote_value(form.removeprefix(_JSON_MARK))
    else:
        raise ValueError(f"not a quoted line: {form[:80]!r}")
    if "\n" in line or quote_line(line) != form:
        raise ValueError(f"not the quoted form of its line: {form[:80]!r}")
    return line


def quote_value(text: str) -> str:
    """Return a text as JSON on one line, with unsafe characters escaped; one to one."""
    parts = [_encode_json(part) for part in _SPLIT_PAIR.split(text)]
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"


def unquote_value(form: str) -> str:
    """Return the text that `quote_value` quoted.

    Raises:
        ValueError: `quote_value` returns this form for no text.
    """
    loaded = json.loads(form)
    parts = loaded if isinstance(loaded, list) else [loaded]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(f"not a quoted text: {form[:80]!r}")
    text = "".join(parts)
    if quote_value(text) != form:
        raise ValueError(f"not the quoted form of its text: {form[:80]!r}")
    return text


def _encode_json(text: str) -> str:
    dumped = json.dumps(text, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", dumped)
