"""Locales of old encodings, made for a test: few machines have one installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

#: A part of the GNU C library, as the locales are.
_LOCALEDEF = "/usr/bin/localedef"
_LIMIT_SECONDS = 120
_LAST_CODE_POINT = 0xFFFF
#: No more than a locale must have; localedef warns of missing parts.
_SOURCE = """comment_char %
escape_char /
LC_CTYPE
lower <U0061>;<U0062>
END LC_CTYPE
"""


def locale_environment(folder: Path, encoding: str) -> dict[str, str]:
    """Make a locale of an encoding in a folder; return the variables of a process that uses it."""
    source, charmap = folder / "source", folder / encoding
    source.write_text(_SOURCE, encoding="ascii")
    charmap.write_text(_charmap(encoding), encoding="ascii")
    made = subprocess.run(
        (_LOCALEDEF, "--quiet", "--force", "-i", source, "-f", charmap, folder / "made"),
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert (folder / "made" / "LC_CTYPE").exists(), made.stderr.decode()
    return {"LOCPATH": str(folder), "LC_ALL": "made"}


def _charmap(encoding: str) -> str:
    lines = [
        f"<code_set_name> {encoding}",
        "<mb_cur_min> 1",
        "<mb_cur_max> 3",
        "<comment_char> %",
        "<escape_char> /",
        "CHARMAP",
    ]
    for code_point in range(_LAST_CODE_POINT + 1):
        encoded = chr(code_point).encode(encoding, "ignore")
        if encoded:
            lines.append(f"<U{code_point:04X}> {''.join(f'/x{byte:02x}' for byte in encoded)} x")
    return "\n".join([*lines, "END CHARMAP", ""])
