"""The page of what can go wrong lists every code there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from millracer.errors import ExitCode
from tests.docs import codes

_ROOT = Path(__file__).parents[2]


def _rows(heading: str) -> set[str]:
    """Return what the first cells of the tables below headings that begin so name in backticks."""
    text = (_ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    sections = [part for part in text.split("\n## ")[1:] if part.startswith(heading)]
    assert sections, heading
    cells = re.findall(r"^\| ([^|]*) \|", "\n".join(sections), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}


def test_every_error_code_is_listed_and_no_other() -> None:
    assert _rows("Errors") == codes.error_codes()


def test_every_warning_code_is_listed_and_no_other() -> None:
    # This one is listed as the error that it is where the caller requested it.
    assert _rows("Warnings") | {"session_store_unavailable"} == codes.warning_codes()


def test_every_exit_code_is_listed_and_no_other() -> None:
    text = (_ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}

    assert listed == {int(code) for code in ExitCode}


def test_the_codes_are_found_where_they_are_made() -> None:
    assert codes.error_codes() >= {
        "usage",  # a class's own
        "millrace_protocol_error",  # a tool's
        "session_unknown",  # given by word
        "document_unsafe",  # given by name
        "pi_answer_truncated",  # pi's
    }
    assert codes.warning_codes() >= {"pi_untested", "daemon_kept", "pi_restarted"}
