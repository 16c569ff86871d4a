"""Settings in Millrace's configuration file for which Millrace has no command."""

from __future__ import annotations

import tomllib
from contextlib import suppress

from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.files import read_regular

_KEEP_TRANSCRIPTS = '\n[runners.pi]\nevent_log_policy = "full"\n'


def keep_transcripts(paths: WorkspacePaths) -> None:
    """Let Millrace keep the transcript of every stage, also of those that succeed.

    A file with its own settings of pi, or one that cannot be read or written, stays as it is. Hold
    the lifecycle lock: the commands that set model aliases write the same file.
    """
    path = paths.agents / "millrace.toml"
    with suppress(OSError, ValueError):
        text = read_regular(path).decode()
        runners = tomllib.loads(text).get("runners", {})
        if not isinstance(runners, dict) or "pi" in runners:
            return
        tomllib.loads(text + _KEEP_TRANSCRIPTS)  # an inline table cannot be extended
        with path.open("a", encoding="utf-8") as file:
            file.write(_KEEP_TRANSCRIPTS)
