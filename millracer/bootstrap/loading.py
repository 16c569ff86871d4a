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

    from millracer.adapters import legacy_sessions, log_file, sqlite_store
    from millracer.adapters.migrations import find_migrations
    from millracer.application import memory
    from millracer.domain import redacted_stream, redaction

    with suppress(StoreUnavailable):  # whoever opens the store reports it
        find_migrations()


def load_run() -> None:
    """Load what runs a task to its end and describes the result."""
    load_endings()
    import tomllib

    from millracer.adapters import (
        command_runner,
        config_files,
        installed_tools,
        kept_statuses,
        millrace,
        pi_print,
        pi_rpc,
        skills,
        warm_millrace,
    )
    from millracer.application import orchestrator
    from millracer.contracts import config_file, run_result


def load_answers() -> None:
    """Load what answers any ops request."""
    load_run()
    from millracer.adapters import directories
    from millracer.application import ops, ops_runs, ops_status, ops_target
