"""The ops gateway on fakes: each request as its own command, as a caller sends them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from millracer.cancellation import Cancellation
from millracer.domain.run.options import RunOptions
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.operations.ops.gateway import Answer, CommandDefaults, OpsGateway
from millracer.operations.options import OptionLayers, Values, values_of
from millracer.operations.session.memory import SessionMemory
from millracer.ports import SessionStore
from millracer.schemas.base import render
from millracer.schemas.ops.request import ReadRequest, read_ops_request
from millracer.schemas.ops.result import OpsResult
from millracer.testing.clock import FrozenClock
from tests.fakes.directories import NamedDirectories
from tests.fakes.store import InMemorySessionStore
from tests.fakes.tools import ScriptedTools
from tests.support.fleet_scene import FleetScene
from tests.support.ops_requests import version_of


def asked(action: str, **fields: Any) -> ReadRequest:
    """Return a small valid request with some fields changed."""
    document = {
        "schema_version": str(version_of(action)),
        "request_id": "req-1",
        "action": action,
        "workspace_ref": {},
        "source": {"kind": "mission_control"},
        **fields,
    }
    return read_ops_request(json.dumps(document).encode())


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where requests are answered; `/shop` is an initialised workspace, `/here` is none."""

    store: SessionStore = field(default_factory=InMemorySessionStore)
    directories: NamedDirectories = field(
        default_factory=lambda: NamedDirectories(workspaces={"/shop"})
    )
    tools: ScriptedTools = field(default_factory=ScriptedTools)
    options: RunOptions = field(default_factory=RunOptions)
    files: dict[str, Values] = field(default_factory=dict)
    workspace: str | None = None
    session_id: str = LOCAL_SESSION
    remembers: bool = True
    cancellation: Cancellation = field(default_factory=Cancellation)
    fleet: FleetScene = field(default_factory=FleetScene)

    def configured(self, root_path: str) -> Values:
        """Return the options in the configuration file of a workspace."""
        return self.files.get(root_path, {})

    def gateway(self) -> OpsGateway:
        """Return the gateway of a new command."""
        return OpsGateway(
            tools=self.tools,
            memory=SessionMemory(self.store),
            directories=self.directories,
            clock=FrozenClock(),
            defaults=CommandDefaults(
                options=OptionLayers(given=values_of(self.options), workspace=self.configured),
                workspace=self.workspace,
                session_id=self.session_id,
            ),
            remembers=self.remembers,
            fleet=self.fleet.access,
        )

    def answer(self, action: str, **fields: Any) -> Answer:
        """Answer one request as a new command does."""
        return self.gateway().handle(asked(action, **fields), self.cancellation)

    def ask(self, action: str, **fields: Any) -> OpsResult:
        """Return the result of one request."""
        return self.answer(action, **fields).result


def said(result: OpsResult) -> dict[str, Any]:
    """Return a result as its caller reads it."""
    document: dict[str, Any] = json.loads(render(result))
    return document


def codes(result: OpsResult) -> tuple[list[str], list[str]]:
    """Return the codes of a result's warnings and of its errors."""
    return [each.code for each in result.warnings], [each.code for each in result.errors]
