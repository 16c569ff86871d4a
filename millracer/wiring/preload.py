"""Imports all modules that a command may need, so that a package upgrade cannot affect it.

pip, pipx and uv replace the package's files while the process runs. Modules that are not imported
by then are missing or belong to another version.
"""

# ruff: noqa: F401, PLC0415 - the purpose of these functions is to import, and only when called

from __future__ import annotations

from contextlib import suppress

from millracer.errors import StoreUnavailable


def load_endings() -> None:
    """Import what any command may need to end: bug reports, session store, redaction."""
    import platformdirs
    import platformdirs.unix

    from millracer.operations.session import memory as session_memory
    from millracer.operations.session import request_ids
    from millracer.operations.stream import failure
    from millracer.redaction import rules, stream
    from millracer.store import legacy_import, sessions
    from millracer.store.migrations import find_migrations
    from millracer.system import log_file
    from millracer.wiring import user_files

    with suppress(StoreUnavailable):  # reported when the store is opened
        find_migrations()


def load_run() -> None:
    """Import what runs a task to its end and describes the result."""
    load_endings()
    import tomllib

    from millracer.checks import runner as check_runner
    from millracer.event_log import logs
    from millracer.millrace import backend, status_cache
    from millracer.millrace.commands import runner
    from millracer.millrace.fork_server import runner as fork_runner
    from millracer.operations import options
    from millracer.pi import one_shot, rpc, skills
    from millracer.programs import installed
    from millracer.repository import adapter
    from millracer.run import orchestrator
    from millracer.schemas import config_file
    from millracer.schemas.run import result as run_result
    from millracer.system import config_files
    from millracer.system.file_events import load_changes
    from millracer.wiring.attempt_end import open_attempt_reports

    open_attempt_reports()  # imports the configured listeners
    with suppress(ImportError):  # without its library, a watch polls
        load_changes()


def load_answers() -> None:
    """Import what answers any ops request."""
    load_run()
    from millracer.domain.operations import ACTIONS, OpsVersion, load
    from millracer.millrace.files import directories
    from millracer.operations import context
    from millracer.operations.ops import fleet_action, gateway, run, typed_action
    from millracer.schemas.ops.request import request_model
    from millracer.schemas.ops.result import result_model
    from millracer.wiring.fleet_access import has_fleet
    from millracer.wiring.tool_factory import EXAMINE

    if has_fleet(None):
        load_fleet()
    load(EXAMINE)
    for version in OpsVersion:
        request_model(version)
        result_model(version)
    for each in ACTIONS.values():
        code = (each.request, each.result, each.handler, each.failure, each.ops_handler)
        for target in filter(None, (*code, each.ops_request, each.payload)):
            load(target)


def load_fleet() -> None:
    """Import the store of a fleet."""
    with suppress(ImportError):  # without its libraries, each action on a fleet is refused
        from millracer.fleet import schedules, store
