"""Loads what a command will need until its end, so that an upgrade of the package cannot change it.

pip, pipx and uv replace the package's files under a process that runs. What the process has not
imported by then is gone, or belongs to another version.
"""

# ruff: noqa: F401, PLC0415 - to import, and only when asked, is what these functions are for

from __future__ import annotations

from contextlib import suppress

from millracer.errors import StoreUnavailable


def load_endings() -> None:
    """Load what any command may need to end: for a bug, for the session store, for secrets."""
    import platformdirs
    import platformdirs.unix

    from millracer.operations import session_memory
    from millracer.redaction import rules, stream
    from millracer.store import legacy_import, sessions
    from millracer.store.migrations import find_migrations
    from millracer.system import log_file
    from millracer.wiring import user_files

    with suppress(StoreUnavailable):  # reported when the store is opened
        find_migrations()


def load_run() -> None:
    """Load what runs a task to its end and describes the result."""
    load_endings()
    import tomllib

    from millracer.millrace import backend, status_cache
    from millracer.millrace.commands import runner
    from millracer.millrace.fork_server import runner as fork_runner
    from millracer.operations import options
    from millracer.pi import one_shot, rpc, skills
    from millracer.programs import installed
    from millracer.run import orchestrator
    from millracer.schemas import config_file, run_result
    from millracer.system import config_files


def load_answers() -> None:
    """Load what answers any ops request."""
    load_run()
    from millracer.millrace.files import directories
    from millracer.operations import context, gateway, run, status
