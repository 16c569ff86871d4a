"""Run the MCP server of a fleet until standard input ends or a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import sys

from millracer.cancellation import Cancellation
from millracer.cli.command import report_failure
from millracer.cli.commands.mcp.run import report_bug, require_library, serve_until_end
from millracer.cli.options.common import CommonOptions
from millracer.domain.operations import load
from millracer.errors import MillracerError
from millracer.logs import also_emit_lines
from millracer.mcp.fleet.actions import FleetActions
from millracer.mcp.fleet.tools import FLEET_INSTRUCTIONS, offered_on_fleet
from millracer.operations.fleet_access import FleetAccess
from millracer.wiring.fleet import find_fleet, require_fleet
from millracer.wiring.fleet_access import fleet_opener
from millracer.wiring.preload import load_answers, load_fleet
from millracer.wiring.user_files import log_to_file

#: The name of the fleet whose file is fleet.toml.
_DEFAULT = "default"
_SERVER = "millracer.mcp.server"


def serve_fleet(common: CommonOptions, fleet: str, *, allow_control: bool) -> int:
    """Serve a fleet; return the exit code.

    Args:
        common: the common options; the workspace is an id in the fleet.
        fleet: its name or file.
        allow_control: also offer the tools that control all work.
    """
    named = None if fleet == _DEFAULT else fleet
    try:
        require_library()
        require_fleet()
        find_fleet(named)
    except MillracerError as error:
        return report_failure(sys.argv[1:], error)
    load_answers()
    load_fleet()
    also_emit_lines(logging.INFO, log_to_file())
    cancellation = Cancellation()
    actions = FleetActions(
        tools=common.programs,
        options=common.options,
        fleet=FleetAccess(open=fleet_opener(named)),
        workspace_id=None if common.workspace is None else str(common.workspace),
        cancellation=cancellation,
    )

    def run_server() -> None:
        tools = load(f"{_SERVER}:ToolServer")(
            actions, offered_on_fleet(allow_control=allow_control), report_bug
        )
        server = load(f"{_SERVER}:make_server")(tools, FLEET_INSTRUCTIONS)
        asyncio.run(load(f"{_SERVER}:serve_stdio")(server))

    return serve_until_end(run_server, common.programs, cancellation)
