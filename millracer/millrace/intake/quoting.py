"""Caller text made safe for Millrace's documents: quoted lines, quoted values, one-line titles.

Millrace ends a line at eleven characters, strips every line, refuses empty list items and reads
`Label:` as a header. So a text is split at LF alone, and each line takes one of three forms that
survive all of that and that no header, item or rule of ours can be confused with:

* `| line`, and a bare `|` for an empty line, where the line stands as it is;
* `json "line"`, a JSON string, where the line ends in white space or holds a character that would
  be stripped, would end the line or cannot be stored;
* `json ["begin", "end"]`, their concatenation, where two halves of a surrogate pair stand beside
  each other as separate characters, which one JSON string cannot say.

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
    """Return the text's lines, each in the form that survives; at least one."""
    return tuple(quote_line(line) for line in text.split("\n"))


def unquote_text(forms: Iterable[str]) -> str:
    """Return the text that `quote_text` was given.

    Raises:
        ValueError: an entry is not a quoted line.
    """
    return "\n".join(unquote_line(form) for form in forms)


def is_quoted(form: str) -> bool:
    """Say whether this looks like a quoted line; our own sentences never do."""
    return form == "|" or form.startswith(("| ", _JSON_MARK))


def quote_line(line: str) -> str:
    """Return one line (no LF in it) in the form that survives."""
    if not line:
        return "|"
    if _UNSAFE.search(line) or line != line.rstrip():
        return _JSON_MARK + quote_value(line)
    return f"| {line}"


def unquote_line(form: str) -> str:
    """Return the line that `quote_line` was given.

    Raises:
        ValueError: this is not the form `quote_line` gives any line.
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
        raise ValueError(f"not in the form a line is quoted in: {form[:80]!r}")
    return line


def quote_value(text: str) -> str:
    """Return any text as JSON on one line, with everything unsafe escaped; one to one."""
    parts = [_json_string(part) for part in _SPLIT_PAIR.split(text)]
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"


def unquote_value(form: str) -> str:
    """Return the text that `quote_value` was given.

    Raises:
        ValueError: this is not the form `quote_value` gives any text.
    """
    loaded = json.loads(form)
    parts = loaded if isinstance(loaded, list) else [loaded]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(f"not a quoted text: {form[:80]!r}")
    text = "".join(parts)
    if quote_value(text) != form:
        raise ValueError(f"not in the form a text is quoted in: {form[:80]!r}")
    return text


def _json_string(text: str) -> str:
    dumped = json.dumps(text, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", dumped)
