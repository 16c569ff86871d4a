import sys
from pathlib import Path

from millracer.adapters.ownership import read_ownership
from millracer.adapters.process import Command, new_token, run
from millracer.adapters.workspace import WorkspacePaths
from millracer.domain.redaction import MARK
from millracer.secrecy import redact, redacted_stream
from millracer.waiting import Cancellation, Wait


def test_a_token_of_ours_is_secret_from_its_making() -> None:
    token = new_token()

    assert redact(f"a {token} b") == f"a {MARK} b"


def test_a_token_that_was_written_down_is_secret_once_read(tmp_path: Path) -> None:
    paths = WorkspacePaths(tmp_path)
    paths.make_own()
    token = "fedcba98" * 4
    paths.ownership.write_text(
        f'{{"token": "{token}", "mode_id": "m", "log": "l"}}', encoding="utf-8"
    )
    before = redact(token)

    assert read_ownership(paths) is not None
    assert (before, redact(token)) == (token, MARK)


def test_what_a_tool_is_handed_is_secret_once_it_is_started() -> None:
    value = "handed-to-a-tool-only"
    command = Command(
        tool="millrace", argv=(sys.executable, "-c", ""), env={"TOOLS_API_KEY": value}
    )
    before = redact(value)
    run(command, Wait.for_seconds(60, Cancellation()))

    assert (before, redact(value)) == (value, MARK)
    assert redacted_stream().feed(f"{value} ,") == f"{MARK} ,"
