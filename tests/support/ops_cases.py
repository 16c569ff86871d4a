"""One request per ops action and per way it can fail, each with its scene.

`/shop` is a workspace, `/here` the directory the command runs in. What the reference can be asked
as well (`millracer==0.2.0`) says how its Millrace ends the work there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from millracer.domain.work.items import ItemState
from millracer.errors import ToolTimeout
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import (
    daemon_dies,
    daemon_is_stopped,
    item_ends,
    item_goes,
    stage_ends,
    stage_runs,
    time_runs_out,
)
from tests.fakes.store import InMemorySessionStore
from tests.fakes.tools import ScriptedTools
from tests.support.fleet_cases import FLEET_CASES
from tests.support.gateway import Desk
from tests.support.ops_requests import Json, asks, encoded, without
from tests.support.ops_scenes import (
    NO_MILLRACE,
    OLD_MILLRACE,
    Prepare,
    RecordedMillrace,
    fails,
    has_blocked_item,
    has_no_proc,
    has_no_store,
    has_recorded_changes,
    holds_item,
    is_cancelled,
    is_nowhere,
    refuses,
    says,
    shows,
)

WORKSPACE = "/shop"
HERE = "/here"
NOWHERE = "/nowhere"

#: Instead of an ending: the reference has no Millrace at all.
ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and its scene.

    Attributes:
        name: of its golden files.
        request: a JSON value, or the bytes themselves.
        before: requests that were answered earlier.
        prepare: sets up the scene's differences.
        stream: whether the call has `--stream-json`.
        reference: whether the reference is asked the same; the word says how its Millrace ends
            delegated work (`arbiter`, `blocked`, `drained`), is empty where there is no such work,
            and `absent` where there is no Millrace.
    """

    name: str
    request: Json
    before: tuple[dict[str, Json], ...] = ()
    prepare: Prepare = lambda _desk: None
    stream: bool = False
    reference: str | None = None

    @property
    def raw(self) -> bytes:
        """The bytes that are sent."""
        if isinstance(self.request, bytes):
            return self.request
        return json.dumps(self.request, indent=2).encode() + b"\n"

    def desk(self) -> Desk:
        """Return the scene, as it is when the request comes."""
        desk = Desk(
            tools=ScriptedTools(backends=RecordedMillrace(workspace=WORKSPACE)),
            store=InMemorySessionStore(now=FrozenClock().now),
        )
        desk.directories.workspaces = {WORKSPACE}
        for earlier in self.before:
            _ = desk.answer(earlier["action"], **without(earlier, "action"))
        self.prepare(desk)
        return desk


def _at(path: Json = WORKSPACE, **fields: Json) -> dict[str, Json]:
    return {"workspace_ref": {"root_path": path, **fields}}


def _delegated(**fields: Json) -> dict[str, Json]:
    return asks(
        "enqueue",
        **{
            **_at(),
            "route_preference": "millrace",
            "intake_preference": "task",
            "input": {"kind": "natural_language", "text": "Make the widget blue"},
            "options": {"finalizer": "summary"},
            "scoped_work_item": {"item_id": "ITEM-1", "source_queue": "QUEUE.md"},
            **fields,
        },
    )


def _of_mission_control(action: str, **fields: Json) -> dict[str, Json]:
    """Return a request with everything that Mission Control says about itself."""
    return asks(
        action,
        client_name="mission-control",
        **_at(
            workspace_id="shop",
            display_name="Shop",
            runtime_kind="local",
            mode="learning_codex",
        ),
        source={"kind": "mission_control", "surface": "command_panel"},
        actor={"kind": "local_user", "display_name": "operator"},
        **fields,
    )


_SELECT = asks(
    "select_workspace",
    request_id="req-0",
    input={"payload": {"workspace_id": "default", "session_id": "ui-1"}},
)
_REGISTER = asks(
    "register_workspace",
    request_id="req-0",
    input={
        "payload": {
            "workspace_id": "widgets",
            "root_path": WORKSPACE,
            "display_name": "Widgets",
            "default_mode": "learning_pi",
            "tags": ["blue"],
        }
    },
)

_ITEM = {"payload": {"work_item_id": "make-it"}}
_FULL_ITEM = {"payload": {"work_item_id": "make-it-blue-1"}}
V02, V03 = "millracer.ops.v0.2", "millracer.ops.v0.3"

#: What the actions answer.
ACTIONS = (
    Case(name="status", request=asks("status", **_at(mode="learning_pi")), reference=""),
    Case(
        name="status-only-preference",
        request=_of_mission_control(
            "status",
            route_preference="status_only",
            input={"kind": "structured_action", "payload": {}},
        ),
        reference="",
    ),
    Case(
        name="inspect-only-preference",
        request=_of_mission_control(
            "list_sessions",
            route_preference="inspect_only",
            intake_preference="none",
            input={"kind": "structured_action", "payload": {}},
        ),
        reference="",
    ),
    Case(
        name="list-items",
        request=asks("list_items", **_at(), input={"payload": {"states": ["blocked"]}}),
        prepare=has_blocked_item,
    ),
    Case(
        name="show-work-item",
        request=asks("show_work_item", **_at(), input=_ITEM),
        prepare=has_blocked_item,
    ),
    Case(name="logs", request=asks("logs", **_at(), input=_ITEM), prepare=has_blocked_item),
    Case(name="trace", request=asks("trace", **_at(), input=_ITEM), prepare=has_blocked_item),
    Case(name="retry", request=asks("retry", **_at(), input=_ITEM), prepare=has_blocked_item),
    Case(
        name="retry-of-an-unknown-item",
        request=asks("retry", **_at(), input={"payload": {"work_item_id": "nothing"}}),
    ),
    Case(name="start", request=asks("start", **_at())),
    Case(
        name="enqueue-from-mission-control",
        request=_of_mission_control(
            "enqueue",
            route_preference="millrace",
            intake_preference="task",
            input={"kind": "natural_language", "text": "Make only the selected widget blue."},
            scoped_work_item={
                "item_id": "W-7",
                "title": "One widget",
                "constraints": ["Leave the other widgets alone."],
            },
            expected_evidence=["changed file list", "tests run", "terminal outcome"],
            options={"finalizer": "summary"},
        ),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
        reference="arbiter",
    ),
    Case(
        name="enqueue-with-preferences-that-choose-nothing",
        request=_delegated(route_preference="status_only", intake_preference="none"),
        prepare=says('{"decision": "direct", "why": "it is small"}', "It is blue now."),
        reference="drained",
    ),
    Case(
        name="status-of-the-selected-workspace",
        request=asks("status", metadata={"session_id": "ui-1"}),
        before=(
            _REGISTER,
            asks(
                "select_workspace",
                input={"payload": {"workspace_id": "widgets"}},
                metadata={"session_id": "ui-1"},
            ),
        ),
    ),
    Case(
        name="enqueue-completed",
        request=_delegated(expected_evidence=["UPDATE_COMPLETE"], context_refs=["docs/widget.md"]),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
        reference="arbiter",
    ),
    Case(
        name="enqueue-blocked",
        request=_delegated(),
        prepare=shows(stage_runs("builder"), item_ends(ItemState.BLOCKED)),
        reference="blocked",
    ),
    Case(
        name="enqueue-incomplete",
        request=_delegated(),
        prepare=shows(item_ends(proven=False)),
        reference="drained",
    ),
    Case(
        name="enqueue-direct",
        request=_delegated(route_preference="direct"),
        prepare=says("It is blue now."),
        reference="drained",
    ),
    Case(
        name="enqueue-without-the-expected-evidence",
        request=_delegated(expected_evidence=["UPDATE_COMPLETE", "run-7"]),
        prepare=shows(stage_runs("updater"), item_ends()),
    ),
    Case(
        name="enqueue-timed-out",
        request=_delegated(options={"finalizer": "summary", "daemon-timeout-seconds": 1}),
        prepare=shows(stage_runs("builder"), time_runs_out()),
    ),
    Case(name="enqueue-cancelled", request=_delegated(), prepare=is_cancelled),
    Case(
        name="enqueue-crashed",
        request=_delegated(options={"finalizer": "summary", "max_daemon_restarts": 0}),
        prepare=shows(stage_runs("builder"), daemon_dies()),
    ),
    Case(
        name="enqueue-restart-needed",
        request=_delegated(),
        prepare=shows(stage_runs("builder"), daemon_is_stopped()),
    ),
    Case(name="list-workspaces", request=asks("list_workspaces"), reference=""),
    Case(name="list-registered-workspaces", request=asks("list_workspaces"), before=(_REGISTER,)),
    Case(name="select-workspace", request={**_SELECT, "request_id": "req-1"}, reference=""),
    Case(
        name="select-workspace-by-path",
        request=asks(
            "select_workspace",
            client_name="ui",
            input={"payload": {"root_path": WORKSPACE, "mode": "learning_pi"}},
        ),
    ),
    Case(name="register-workspace", request={**_REGISTER, "request_id": "req-1"}),
    Case(
        name="register-workspace-again",
        request={**_REGISTER, "request_id": "req-1"},
        before=(_REGISTER,),
    ),
    Case(
        name="forget-workspace",
        request=asks("forget_workspace", input={"workspace_id": "widgets"}),
        before=(_REGISTER,),
    ),
    Case(name="list-sessions", request=asks("list_sessions"), before=(_SELECT,), reference=""),
    Case(
        name="inspect-session",
        request=asks("inspect_session", input={"payload": {"session_id": "ui-1"}}),
        before=(_SELECT,),
        reference="",
    ),
    Case(
        name="inspect-unknown-session",
        request=asks("inspect_session", input={"payload": {"session_id": "nobody"}}),
        reference="",
    ),
    Case(
        name="forget-session",
        request=asks("forget_session", input={"payload": {"session_id": "ui-1"}}),
        before=(_SELECT,),
    ),
    Case(
        name="unknown-fields",
        request=asks(
            "list_sessions",
            priority="high",
            workspace_ref={"path": WORKSPACE},
            input={"payload": {"verbose": True}},
            options={"dry-run": True},
            metadata={"free": "as air"},
        ),
        reference="",
    ),
    Case(
        name="watch",
        request=asks("watch", **_at(), input=_FULL_ITEM, options={"finalizer": "summary"}),
        prepare=holds_item(stage_runs("builder"), stage_runs("updater"), item_ends()),
    ),
    Case(
        name="submit",
        request=asks(
            "submit",
            **_at(),
            route_preference="direct",
            intake_preference="task",
            input={"text": "Make the widget blue"},
            work_item_ref={"item_id": "ITEM-1", "source_queue": "QUEUE.md"},
            options={"max_tokens": 7},
        ),
    ),
    Case(name="cancel", request=asks("cancel", **_at(), input=_ITEM), prepare=has_blocked_item),
    Case(
        name="cancel-of-an-unknown-item",
        request=asks("cancel", **_at(), input={"payload": {"work_item_id": "nothing"}}),
    ),
    Case(name="pause", request=asks("pause", **_at())),
    Case(name="resume", request=asks("resume", **_at())),
    Case(name="stop", request=asks("stop", **_at(), input={"payload": {"force": True}})),
    Case(name="models", request=asks("models", **_at())),
    Case(
        name="diff",
        request=asks("diff", **_at(), input=_FULL_ITEM),
        prepare=has_recorded_changes,
    ),
    Case(
        name="diff-of-an-unrecorded-item",
        request=asks("diff", **_at(), input=_FULL_ITEM),
        prepare=has_blocked_item,
    ),
    Case(name="queue-status", request=asks("queue_status", **_at()), prepare=has_blocked_item),
    Case(name="history", request=asks("history", **_at())),
    Case(name="list-runs", request=asks("list_runs", **_at()), prepare=has_blocked_item),
    Case(
        name="show-run",
        request=asks("show_run", **_at(), input={"payload": {"id": "run-1"}}),
        prepare=has_blocked_item,
    ),
    Case(
        name="show-run-unknown",
        request=asks("show_run", **_at(), input={"payload": {"run_id": "run-2"}}),
        prepare=has_blocked_item,
    ),
    Case(name="diagnose", request=asks("diagnose", **_at())),
    Case(name="diagnose-failed", request=asks("diagnose", **_at()), prepare=has_no_proc),
    Case(
        name="enqueue-of-a-work-item-with-authority",
        request=_of_mission_control(
            "enqueue",
            schema_version=V03,
            route_preference="millrace",
            intake_preference="task",
            input={"kind": "natural_language", "text": "Make only the chosen widget blue."},
            work_item_ref={
                "item_id": "W-8",
                "title": "Another widget",
                "constraints": ["Leave the other widgets alone."],
            },
            requested_authority={
                "scopes": ["work_item:enqueue"],
                "reason": "Add the chosen item only.",
            },
            options={"finalizer": "summary"},
        ),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
    ),
    Case(
        name="enqueue-of-two-work-items",
        request=_delegated(schema_version=V03, work_item_ref={"item_id": "ITEM-2"}),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
    ),
    Case(
        name="enqueue-with-a-scope-in-camel-case",
        request=_delegated(
            scoped_work_item=None,
            workItem={"itemId": "ITEM-1", "sourceQueue": "QUEUE.md"},
        ),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
    ),
)

#: Why an action fails.
FAILURES = (
    Case(name="unsupported-action", request=asks("self_destruct", **_at()), reference=""),
    Case(
        name="unsupported-runtime",
        request=asks("status", **_at(runtime_kind="remote")),
        reference="",
    ),
    Case(
        name="unsupported-transport",
        request=asks("status", **_at()),
        stream=True,
        reference="",
    ),
    Case(
        name="workspace-unknown",
        request=asks("status", workspace_ref={"workspace_id": "nobody"}),
        reference="",
    ),
    Case(name="workspace-unresolved", request=asks("status")),
    Case(name="workspace-missing", request=asks("status", **_at(NOWHERE)), reference=""),
    Case(name="workspace-uninitialised", request=asks("status", **_at(HERE)), reference=""),
    Case(
        name="select-unknown-workspace",
        request=asks("select_workspace", input={"payload": {"workspace_id": "nobody"}}),
        reference="",
    ),
    Case(name="select-nothing", request=asks("select_workspace"), reference=""),
    Case(
        name="forget-unknown-workspace",
        request=asks("forget_workspace", input={"payload": {"workspace_id": "nobody"}}),
    ),
    Case(
        name="register-a-missing-directory",
        request=asks(
            "register_workspace", input={"payload": {"workspace_id": "w", "root_path": NOWHERE}}
        ),
    ),
    Case(
        name="register-the-default-id",
        request=asks(
            "register_workspace", input={"workspace_id": "default", "root_path": WORKSPACE}
        ),
    ),
    Case(
        name="millrace-not-found",
        request=asks("status", **_at()),
        prepare=fails("check_supported", NO_MILLRACE),
        reference=ABSENT,
    ),
    Case(
        name="millrace-unsupported",
        request=asks("status", **_at()),
        prepare=fails("check_supported", OLD_MILLRACE),
    ),
    Case(
        name="status-timed-out",
        request=asks("status", **_at()),
        prepare=fails("read_status", ToolTimeout("millrace", "Millrace did not answer in time")),
    ),
    Case(
        name="enqueue-failed",
        request=_delegated(),
        prepare=refuses(NO_MILLRACE),
    ),
    Case(
        name="enqueue-without-a-task",
        request=_delegated(input={"kind": "natural_language", "text": " "}),
        reference="drained",
    ),
    Case(
        name="enqueue-and-resume",
        request=_delegated(options={"resume": "task-1"}),
    ),
    Case(name="session-store-unavailable", request=asks("list_sessions"), prepare=has_no_store),
    Case(name="status-without-a-store", request=asks("status", **_at()), prepare=has_no_store),
    Case(
        name="current-directory-gone",
        request={**_SELECT, "request_id": "req-1"},
        prepare=is_nowhere,
    ),
    Case(
        name="unsupported-action-in-v0.3",
        request=asks("record_completion_evidence", schema_version=V03, **_at()),
    ),
    Case(name="watch-in-v0.2", request=asks("watch", schema_version=V02, **_at())),
    Case(
        name="submit-without-a-task",
        request=asks("submit", **_at(), input={"text": " "}),
    ),
    Case(
        name="watch-and-resume",
        request=asks("watch", **_at(), input=_ITEM, options={"resume": "task-1"}),
    ),
)

#: Invalid requests.
INVALID = (
    Case(name="invalid-empty", request=b"", reference=""),
    Case(name="invalid-not-json", request=b"status\n", reference=""),
    Case(name="invalid-not-an-object", request=["status"], reference=""),
    Case(name="invalid-not-utf8", request=b'{"request_id": "\xff"}\n', reference=""),
    Case(name="invalid-cut-off", request=b'{"request_id": "req-1", "act', reference=""),
    Case(name="invalid-nan", request=encoded(asks("status", metadata={"x": float("nan")}))),
    Case(
        name="invalid-half-a-surrogate-pair",
        request=encoded(asks("status", input={"text": "half \ud800"})),
    ),
    Case(
        name="invalid-schema-version",
        request=asks("status", schema_version="millracer.ops.v0.1"),
        reference="",
    ),
    Case(name="invalid-missing-fields", request={"request_id": "req-1"}, reference=""),
    Case(
        name="invalid-types",
        request=asks("status", client_name=7, workspace_ref={"root_path": []}, expected_evidence=1),
    ),
    Case(name="invalid-program", request=_delegated(options={"pi-command": "sh"})),
    Case(
        name="invalid-watch",
        request=asks("watch", **_at()),
    ),
    Case(
        name="invalid-show-run",
        request=asks("show_run", **_at(), input={"payload": {"id": 7}}),
    ),
    Case(
        name="invalid-payload",
        request=asks("register_workspace", input={"payload": {"workspace_id": "two words"}}),
    ),
)

#: Requests with values that cannot be used, which the reference ignores.
UNUSABLE_VALUES = (
    Case(
        name="enqueue-with-unusable-values",
        request=_delegated(
            client_name=7,
            idempotency_key=" ",
            intake_preference="spec",
            expected_evidence="tests",
            context_refs=[7, "docs/widget.md"],
            metadata=[],
            options={"finalizer": "summary", "daemon-timeout-seconds": 0, "thinking": 7},
        ),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
        reference="arbiter",
    ),
    Case(
        name="enqueue-without-a-usable-scope",
        request=_delegated(scoped_work_item={"title": "One widget"}),
        prepare=shows(stage_runs("builder"), stage_runs("updater"), item_ends()),
        reference="arbiter",
    ),
    Case(
        name="status-with-an-unusable-authority",
        request=asks("status", schema_version=V03, **_at(), requested_authority="admin"),
    ),
    Case(
        name="stop-with-an-unusable-force",
        request=asks("stop", **_at(), input={"payload": {"force": "yes"}}),
    ),
    Case(
        name="status-of-an-unusable-path",
        request=asks("status", **_at(7)),
        reference="",
    ),
)

#: The actions on a fleet, and why they fail.
ON_FLEET = tuple(
    Case(name=name, request=request, prepare=prepare) for name, request, prepare in FLEET_CASES
)

CASES = (*ACTIONS, *ON_FLEET, *FAILURES, *UNUSABLE_VALUES, *INVALID)

#: Requests of version v0.3 that are answered in frames.
STREAMED = (
    Case(
        name="stream-completed",
        request=_delegated(schema_version=V03),
        prepare=shows(
            stage_runs("builder"), stage_ends("builder"), stage_runs("updater"), item_ends()
        ),
        stream=True,
    ),
    Case(
        name="stream-blocked",
        request=_delegated(schema_version=V03),
        prepare=shows(stage_runs("builder"), item_goes(ItemState.BLOCKED, "it is stuck")),
        stream=True,
    ),
    Case(
        name="stream-watch",
        request=asks("watch", **_at(), input=_FULL_ITEM, options={"finalizer": "summary"}),
        prepare=holds_item(stage_runs("builder"), stage_runs("updater"), item_ends()),
        stream=True,
    ),
    Case(
        name="stream-direct",
        request=_delegated(schema_version=V03, route_preference="direct"),
        prepare=says("It is blue now."),
        stream=True,
    ),
    Case(
        name="stream-unsupported-action",
        request=asks("self_destruct", schema_version=V03, **_at()),
        stream=True,
    ),
    Case(name="stream-invalid", request=asks("watch", **_at()), stream=True),
)
