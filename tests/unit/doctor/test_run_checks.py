"""Each check in each of its levels, and what becomes of the others when one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason
from millracer.doctor.context import DoctorContext, DoctorPlace
from millracer.doctor.run_checks import EXAMINATIONS, examine
from millracer.domain.doctor_report import (
    Check,
    CheckLevel,
    CheckName,
    Finding,
    FolderReport,
    StoreReport,
    is_healthy,
)
from millracer.domain.models import AgentModels, Model, StageModel
from millracer.domain.work.items import ItemState
from millracer.errors import (
    ConfigInvalid,
    InvalidRequest,
    ProcUnavailable,
    RunWarning,
    StoreUnavailable,
    ToolFailed,
    ToolNotFound,
    ToolTimeout,
    ToolUnsupported,
)
from millracer.operations.options import OptionLayers, Values
from millracer.testing.backend import ScriptedBackend
from tests.fakes.doctor import LARGE, STAGES, ScriptedDoctorTools, ScriptedSurroundings

NAME, LEVEL = CheckName, CheckLevel
NO_MODELS = AgentModels(selected=None, usable=())
FOREIGN = AgentModels(selected=Model(provider="azure", model_id="gpt-5.5"), usable=(LARGE,))


@dataclass(slots=True)
class Room:
    """Where the doctor works; everything is well."""

    surroundings: ScriptedSurroundings = field(default_factory=ScriptedSurroundings)
    tools: ScriptedDoctorTools = field(default_factory=ScriptedDoctorTools)
    options: OptionLayers = field(default_factory=OptionLayers)
    place: DoctorPlace | InvalidRequest = field(
        default_factory=lambda: DoctorPlace(root_path="/shop")
    )
    files: tuple[str, ...] = ()
    user_config: ConfigInvalid | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)
    context: DoctorContext | None = None

    def __post_init__(self) -> None:
        self.tools.backends._workspace = "/shop"

    @property
    def millrace(self) -> ScriptedBackend:
        """The workspace's Millrace."""
        return self.tools.backends

    def checks(self, *, with_turn: bool = False) -> dict[CheckName, Finding]:
        """Return what every check found."""
        return {check.name: check.finding for check in self.all(with_turn=with_turn)}

    def all(self, *, with_turn: bool = False) -> list[Check]:
        """Return every check."""
        self.context = DoctorContext(
            surroundings=self.surroundings,
            tools=self.tools,
            options=self.options,
            find_place=lambda _memory: self._found(),
            config_files=lambda _root_path: self.files,
            user_config=self.user_config,
        )
        return list(examine(self.context, self.cancellation, with_turn=with_turn))

    def _found(self) -> DoctorPlace:
        if isinstance(self.place, InvalidRequest):
            raise self.place
        return self.place


@pytest.fixture
def room() -> Room:
    return Room()


Change = Callable[[Room], object]


class Case(NamedTuple):
    """What is changed of a healthy room, and what one check makes of it."""

    name: CheckName
    level: CheckLevel
    change: Change | None
    names: str
    next_command: str | None


def _sets(path: str, *, to: object) -> Change:
    *owners, name = path.split(".")

    def change(room: Room) -> None:
        owner: object = room
        for each in owners:
            owner = getattr(owner, each)
        setattr(owner, name, to)

    return change


def _folder(**values: object) -> Change:
    return _sets("surroundings.state", to=FolderReport(**{"path": "/state", **values}))


def _names_mode(room: Room) -> None:
    room.options = room.options.with_values(millrace_mode="learning_pi")
    room.millrace.has_daemon(owned=False, mode_id="lad_pi")


def _strands_a_lock(room: Room) -> None:
    room.millrace.stale = room.millrace.pid_taken = True


def _has_daemon(**values: object) -> Change:
    def change(room: Room) -> None:
        room.millrace.has_daemon()
        for name, value in values.items():
            setattr(room.millrace, name, value)

    return change


def _blocks(count: int) -> Change:
    def change(room: Room) -> None:
        for number in range(count):
            room.millrace.holds(f"item-{number}", ItemState.BLOCKED)

    return change


def _damages_what_is_not_copied(room: Room) -> None:
    error = ToolFailed("millrace", "the event log is damaged", suggested_action="move it away")
    room.millrace.will_fail("read_status", error)


def _needs_init(room: Room) -> None:
    error = ToolFailed("millrace", "workspace is not initialized", suggested_action="a")
    for millrace in (room.millrace, room.tools.copied):
        millrace.will_fail("read_status", error)


def _beyond_init(room: Room) -> None:
    _needs_init(room)
    room.tools.copied.will_do("initialise", lambda: None)
    room.tools.copied.will_fail(
        "read_status", ToolFailed("millrace", "still", suggested_action="b")
    )


def _file_of_workspace(room: Room) -> None:
    def refuse(_root_path: str) -> Values:
        raise ConfigInvalid("millracer.toml says it", suggested_action="mend it")

    room.options = replace(room.options, workspace=refuse)


def _rejects(room: Room) -> None:
    room.tools.copied.rejects_mode("default_pi")


def _store_error() -> StoreUnavailable:
    return StoreUnavailable("it is newer", suggested_action="upgrade")


_TIMEOUT = ToolTimeout("pi", "no answer in time")
_UNSEEN = ProcUnavailable("/proc is empty", suggested_action="mount it")
_FOUND = StoreReport(exists=True, sessions=2, workspaces=1)
_STUB = StageModel(runner="codex_cli", on_agent=False, model="m", alias=None, stages=("builder",))
_CASES = [
    Case(NAME.PYTHON, LEVEL.OK, None, "Python 3.12.1", None),
    Case(NAME.PYTHON, LEVEL.OK, _sets("surroundings.python", to=(3, 11, 0)), "3.11.0", None),
    Case(NAME.PYTHON, LEVEL.OK, _sets("surroundings.python", to=(3, 13, 9)), "3.13.9", None),
    Case(NAME.PYTHON, LEVEL.WARNING, _sets("surroundings.python", to=(3, 14, 0)), "3.14.0", "pipx"),
    Case(NAME.PYTHON, LEVEL.FAIL, _sets("surroundings.python", to=(3, 10, 9)), "3.10.9", "pipx"),
    Case(NAME.PROC, LEVEL.OK, None, "processes", None),
    Case(NAME.PROC, LEVEL.FAIL, _sets("surroundings.unseen", to=_UNSEEN), "/proc", "mount"),
    Case(NAME.SQLITE, LEVEL.OK, None, "3.51.3", None),
    Case(
        NAME.SQLITE,
        LEVEL.FAIL,
        _sets("surroundings.new_store", to=_store_error()),
        "newer",
        "upgrade",
    ),
    Case(NAME.STATE_FOLDER, LEVEL.OK, None, "/home/me/state", None),
    Case(NAME.STATE_FOLDER, LEVEL.OK, _folder(), "/state", None),
    Case(
        NAME.STATE_FOLDER, LEVEL.WARNING, _folder(exists=True, shared=True), "/state", "chmod go-w"
    ),
    Case(NAME.STATE_FOLDER, LEVEL.FAIL, _folder(path=None), "", "export MILLRACER_STATE_DIR"),
    Case(NAME.STATE_FOLDER, LEVEL.FAIL, _folder(exists=True, is_folder=False), "/state", "mv /st"),
    Case(NAME.STATE_FOLDER, LEVEL.FAIL, _folder(exists=True, writable=False), "/state", "chmod u+"),
    Case(NAME.STATE_FOLDER, LEVEL.FAIL, _folder(writable=False), "/state", "export MILL"),
    Case(
        NAME.SESSION_STORE,
        LEVEL.OK,
        _sets("surroundings.store.found", to=_FOUND),
        "1",
        None,
    ),
    Case(
        NAME.SESSION_STORE,
        LEVEL.OK,
        _sets("surroundings.store.found", to=StoreReport(exists=False)),
        "",
        None,
    ),
    Case(
        NAME.SESSION_STORE,
        LEVEL.WARNING,
        _sets("surroundings.store.found", to=StoreReport(exists=True, corrupt="it is corrupt")),
        "it is corrupt",
        "millracer sessions list",
    ),
    Case(
        NAME.SESSION_STORE,
        LEVEL.FAIL,
        _sets("surroundings.store.found", to=_store_error()),
        "it is newer",
        "upgrade",
    ),
    Case(NAME.WORKSPACE, LEVEL.OK, None, "/shop", None),
    Case(
        NAME.WORKSPACE,
        LEVEL.WARNING,
        _sets("place", to=DoctorPlace(root_path="/shop", warnings=(RunWarning("c", "why"),))),
        "why",
        "millracer doctor --workspace /shop",
    ),
    Case(
        NAME.WORKSPACE,
        LEVEL.FAIL,
        _sets("surroundings.writable", to=False),
        "/shop",
        "chmod u+rwx",
    ),
    Case(
        NAME.WORKSPACE,
        LEVEL.FAIL,
        _sets("place", to=InvalidRequest("no directory", suggested_action="create it")),
        "no directory",
        "create it",
    ),
    Case(NAME.CONFIGURATION, LEVEL.OK, None, "", None),
    Case(NAME.CONFIGURATION, LEVEL.OK, _sets("files", to=("/a", "/b")), "/b", None),
    Case(NAME.CONFIGURATION, LEVEL.FAIL, _file_of_workspace, "millracer.toml says it", "mend it"),
    Case(
        NAME.CONFIGURATION,
        LEVEL.FAIL,
        _sets("user_config", to=ConfigInvalid("config.toml says it", suggested_action="mend")),
        "config.toml says it",
        "mend",
    ),
    Case(NAME.MILLRACE, LEVEL.OK, None, "0.21.1", None),
    Case(
        NAME.MILLRACE,
        LEVEL.FAIL,
        lambda room: room.millrace.will_fail("check_supported", ToolNotFound("millrace", "gone")),
        "gone",
        "millracer setup",
    ),
    Case(NAME.MILLRACE_START, LEVEL.OK, None, "6", None),
    Case(
        NAME.MILLRACE_START,
        LEVEL.FAIL,
        lambda room: room.millrace.will_fail("list_modes", ToolTimeout("millrace", "too long")),
        "too long",
        "millracer setup",
    ),
    Case(NAME.PI, LEVEL.OK, None, "/opt/pi/bin/pi", None),
    Case(
        NAME.PI,
        LEVEL.WARNING,
        _sets("tools.inspection.warnings", to=(RunWarning("pi_untested", "it is newer"),)),
        "it is newer",
        None,
    ),
    Case(
        NAME.PI,
        LEVEL.FAIL,
        _sets("tools.inspection.version", to=ToolNotFound("pi", "m")),
        "m",
        "setup",
    ),
    Case(NAME.NODE, LEVEL.OK, None, "24.19.0", None),
    Case(NAME.NODE, LEVEL.OK, _sets("tools.inspection.node", to=None), "", None),
    Case(
        NAME.NODE,
        LEVEL.FAIL,
        _sets("tools.inspection.node", to=ToolNotFound("node", "m")),
        "m",
        "setup",
    ),
    Case(NAME.PI_START, LEVEL.OK, None, "", None),
    Case(
        NAME.PI_START,
        LEVEL.FAIL,
        _sets("tools.inspection.models", to=_TIMEOUT),
        "no answer",
        "",
    ),
    Case(NAME.PI_MODEL, LEVEL.OK, None, "stub/large", None),
    Case(
        NAME.PI_MODEL,
        LEVEL.WARNING,
        _sets("tools.inspection.warned", to=(RunWarning("pi_warning", "custom model id"),)),
        "custom model id",
        "millracer models",
    ),
    Case(
        NAME.PI_MODEL,
        LEVEL.FAIL,
        _sets("tools.inspection.models", to=NO_MODELS),
        "",
        "/opt/pi/bin/pi",
    ),
    Case(
        NAME.PI_MODEL,
        LEVEL.FAIL,
        _sets("tools.inspection.models", to=FOREIGN),
        "azure",
        "millracer models",
    ),
    Case(
        NAME.PI_MODEL,
        LEVEL.FAIL,
        _sets("tools.inspection.models", to=replace(FOREIGN, usable=())),
        "/login",
        "/opt/pi/bin/pi",
    ),
    Case(NAME.INITIALISED, LEVEL.OK, None, "0", None),
    Case(
        NAME.INITIALISED,
        LEVEL.OK,
        _sets("tools.backends._holds_work", to=False),
        "",
        None,
    ),
    Case(NAME.INITIALISED, LEVEL.WARNING, _needs_init, "", "millrace init --workspace /shop"),
    Case(NAME.INITIALISED, LEVEL.FAIL, _beyond_init, "not initialized", "a"),
    Case(
        NAME.INITIALISED,
        LEVEL.FAIL,
        _damages_what_is_not_copied,
        "event log",
        "move",
    ),
    Case(NAME.MODE, LEVEL.OK, None, "default_pi (alias of lad_pi)", None),
    Case(
        NAME.MODE,
        LEVEL.OK,
        _sets("place", to=DoctorPlace(root_path="/shop", mode="lad_codex")),
        "lad_codex",
        None,
    ),
    Case(NAME.MODE, LEVEL.FAIL, _rejects, "Unknown mode id: default_pi", "millrace modes list"),
    Case(
        NAME.MODE,
        LEVEL.FAIL,
        _sets("surroundings.copy_error", to=PermissionError(13, "Permission denied", "/shop/x")),
        "/shop/x: Permission denied",
        "",
    ),
    Case(NAME.DAEMON, LEVEL.OK, None, "", None),
    Case(NAME.DAEMON, LEVEL.OK, _has_daemon(), "lad_pi", None),
    Case(
        NAME.DAEMON,
        LEVEL.WARNING,
        _has_daemon(paused=True),
        "operator",
        "millracer resume --workspace /shop",
    ),
    Case(
        NAME.DAEMON,
        LEVEL.WARNING,
        _has_daemon(stop_requested=True),
        "",
        "millracer status --watch",
    ),
    Case(
        NAME.DAEMON,
        LEVEL.WARNING,
        lambda room: room.millrace.has_daemon_out_of_sight(),
        "on host gone holds the workspace since 2026-11-22 12:00:00 UTC",
        "rm /w/lock.json",
    ),
    Case(NAME.DAEMON, LEVEL.FAIL, _names_mode, "learning_pi", "--millrace-mode lad_pi"),
    Case(NAME.STALE_STATE, LEVEL.OK, None, "", None),
    Case(
        NAME.STALE_STATE,
        LEVEL.OK,
        _sets("tools.backends._holds_work", to=False),
        "",
        None,
    ),
    Case(
        NAME.STALE_STATE,
        LEVEL.WARNING,
        _sets("tools.backends.stale", to=True),
        "",
        "millracer stop --workspace /shop",
    ),
    Case(
        NAME.STALE_STATE,
        LEVEL.WARNING,
        _strands_a_lock,
        "left its lock",
        "millracer stop --workspace /shop",
    ),
    Case(
        NAME.STALE_STATE,
        LEVEL.FAIL,
        lambda room: room.millrace.will_fail("is_stale", ToolTimeout("millrace", "late")),
        "late",
        "",
    ),
    Case(NAME.BLOCKED_ITEMS, LEVEL.OK, None, "", None),
    Case(
        NAME.BLOCKED_ITEMS,
        LEVEL.WARNING,
        _blocks(4),
        "item-3, item-2, item-1",
        "millracer retry item-3 --workspace /shop",
    ),
    Case(NAME.STAGE_MODEL, LEVEL.OK, None, "stub/small", None),
    Case(NAME.STAGE_MODEL, LEVEL.OK, _sets("surroundings.stages", to=(_STUB,)), "", None),
    Case(
        NAME.STAGE_MODEL,
        LEVEL.OK,
        _sets("surroundings.stages", to=(replace(STAGES, model=None, alias=None),)),
        "pi",
        None,
    ),
    Case(
        NAME.STAGE_MODEL,
        LEVEL.WARNING,
        _sets(
            "tools.stage_inspection.version",
            to=ToolUnsupported("pi", "no pi", suggested_action="a"),
        ),
        "no pi",
        "millracer demo",
    ),
    Case(
        NAME.STAGE_MODEL,
        LEVEL.FAIL,
        _sets("tools.stage_inspection.version", to=ToolNotFound("pi", "m")),
        "PATH",
        "export PATH=/opt/pi/bin:$PATH",
    ),
    Case(
        NAME.STAGE_MODEL,
        LEVEL.FAIL,
        _sets("surroundings.stages", to=(replace(STAGES, model="gpt-5.5"),)),
        "gpt-5.5",
        "millracer models set stub/large --workspace /shop",
    ),
]


@pytest.mark.parametrize(
    "case", _CASES, ids=[f"{each.name}-{each.level}-{n}" for n, each in enumerate(_CASES)]
)
def test_a_check_comes_out_as_what_it_sees(room: Room, case: Case) -> None:
    if case.change is not None:
        case.change(room)

    found = room.checks()[case.name]

    assert found.level is case.level, found
    assert found.message
    assert case.names in found.message
    if case.next_command is None:
        assert found.next_command is None
    else:
        assert case.next_command in (found.next_command or "")


def test_every_check_is_seen_in_every_level_that_it_has() -> None:
    seen = {name: {case.level for case in _CASES if case.name is name} for name in NAME}
    never_fail = {NAME.BLOCKED_ITEMS}
    never_warn = {NAME.SQLITE, NAME.CONFIGURATION, NAME.MILLRACE, NAME.MILLRACE_START, NAME.NODE}
    never_warn |= {NAME.PI_START, NAME.MODE, NAME.PROC}

    del seen[NAME.PI_TURN]  # it has tests of its own
    for name, levels in seen.items():
        expected = {LEVEL.OK, LEVEL.WARNING, LEVEL.FAIL}
        expected -= {LEVEL.FAIL} if name in never_fail else set()
        assert levels == expected - ({LEVEL.WARNING} if name in never_warn else set()), name


def test_with_everything_well_every_check_but_the_turn_is_made_once_and_ok(room: Room) -> None:
    checks = room.all()

    assert [check.name for check in checks] == [name for name in NAME if name is not NAME.PI_TURN]
    assert {check.finding.level for check in checks} == {LEVEL.OK}
    assert is_healthy(checks)


def test_what_was_found_is_kept_for_the_result(room: Room) -> None:
    room.all()

    assert room.context is not None
    assert room.context.versions == {
        "python": "3.12.1",
        "sqlite": "3.51.3",
        "millrace": "0.21.1",
        "pi": "0.73.1",
        "node": "24.19.0",
    }


def test_a_warning_is_not_a_failure_and_a_failure_is(room: Room) -> None:
    room.millrace.stale = True
    assert is_healthy(room.all())

    room.surroundings.writable = False
    assert not is_healthy(room.all())


def test_every_check_needs_only_what_is_checked_before_it() -> None:
    order = list(EXAMINATIONS)

    assert order == list(NAME)
    for name, examination in EXAMINATIONS.items():
        for need in examination.needs:
            assert order.index(need) < order.index(name)


@pytest.mark.parametrize(
    ("change", "failed", "skipped"),
    [
        (_sets("surroundings.new_store", to=_store_error()), NAME.SQLITE, {NAME.SESSION_STORE}),
        (_folder(path=None), NAME.STATE_FOLDER, {NAME.SESSION_STORE}),
        (
            _sets("surroundings.unseen", to=_UNSEEN),
            NAME.PROC,
            {NAME.MODE, NAME.DAEMON, NAME.STALE_STATE, NAME.STAGE_MODEL},
        ),
        (
            _sets("surroundings.writable", to=False),
            NAME.WORKSPACE,
            {
                *(NAME.INITIALISED, NAME.MODE, NAME.DAEMON, NAME.STALE_STATE, NAME.BLOCKED_ITEMS),
                NAME.STAGE_MODEL,
            },
        ),
        (_file_of_workspace, NAME.CONFIGURATION, {NAME.MODE, NAME.STAGE_MODEL}),
        (
            _sets("user_config", to=ConfigInvalid("m", suggested_action="a")),
            NAME.CONFIGURATION,
            {NAME.MODE, NAME.STAGE_MODEL},
        ),
        (
            lambda room: room.millrace.will_fail("check_supported", _TIMEOUT),
            NAME.MILLRACE,
            {
                *(NAME.MILLRACE_START, NAME.INITIALISED, NAME.MODE, NAME.STALE_STATE),
                NAME.STAGE_MODEL,
            },
        ),
        (
            _sets("tools.inspection.version", to=_TIMEOUT),
            NAME.PI,
            {NAME.NODE, NAME.PI_START, NAME.PI_MODEL, NAME.STAGE_MODEL, NAME.PI_TURN},
        ),
        (
            _sets("tools.inspection.models", to=_TIMEOUT),
            NAME.PI_START,
            {NAME.PI_MODEL, NAME.STAGE_MODEL, NAME.PI_TURN},
        ),
        (_sets("tools.inspection.models", to=NO_MODELS), NAME.PI_MODEL, {NAME.PI_TURN}),
    ],
)
def test_checks_that_need_a_failed_check_are_reported_as_not_checked_and_the_rest_continues(
    room: Room, change: Change, failed: CheckName, skipped: set[CheckName]
) -> None:
    change(room)

    checks = room.checks(with_turn=True)

    assert list(checks) == list(NAME)
    assert checks[failed].level is LEVEL.FAIL
    assert {name for name in NAME if checks[name].level is LEVEL.SKIPPED} == skipped
    for name in skipped:
        assert checks[name].message
        assert checks[name].next_command is None


def test_a_workspace_of_another_version_is_to_be_upgraded_and_named_by_its_own_path(
    room: Room,
) -> None:
    _needs_init(room)
    room.millrace.will_fail("read_status", ToolFailed("millrace", "old", suggested_action="a"))
    room.tools.copied._rejected["default_pi"] = "asset /throw-away/2/millrace-agents/x is old"

    found = room.checks()[NAME.MODE]

    assert found.message.endswith("asset /shop/millrace-agents/x is old")
    assert found.detail == "asset /shop/millrace-agents/x is old"
    assert found.next_command == "millrace upgrade --workspace /shop"


def test_a_skipped_check_names_its_obstacle(room: Room) -> None:
    room.tools.inspection.models = _TIMEOUT
    room.surroundings.writable = False

    checks = room.checks()

    assert checks[NAME.PI_MODEL].message.endswith(" pi start")
    assert checks[NAME.STAGE_MODEL].message.endswith(" mode and pi start")


def test_a_tools_own_words_are_printed_beside_the_message(room: Room) -> None:
    error = ToolFailed("millrace", "it failed", detail="Traceback", suggested_action="a")
    room.millrace.will_fail("list_modes", error)

    assert room.checks()[NAME.MILLRACE_START].detail == "Traceback"


def test_programs_are_asked_although_there_is_no_workspace(room: Room) -> None:
    room.place = InvalidRequest("no directory", suggested_action="create it")

    checks = room.checks()

    assert checks[NAME.MILLRACE_START].level is LEVEL.OK
    assert checks[NAME.PI_MODEL].level is LEVEL.OK


def test_nothing_is_asked_of_the_workspace_that_would_change_it(room: Room) -> None:
    room.millrace.has_daemon()

    room.all()

    asked = {
        "check_supported",
        "list_modes",
        "read_status",
        "find_daemon",
        "is_stale",
        "list_unfinished",
    }
    assert set(room.millrace.calls) == asked
    assert room.tools.copied.calls[:2] == ["check_supported", "initialise"]
    assert room.tools.copied.validated == ["default_pi"]
    assert room.tools.conversation.prompts == []


def test_copies_live_until_the_last_check_and_no_longer(room: Room) -> None:
    room.tools.stage_inspection.version = _TIMEOUT

    room.all()

    assert room.surroundings.copies == 1
    assert room.surroundings.open_copies == 0


def test_a_stage_model_is_resolved_by_a_pi_only_where_the_list_does_not_show_it(room: Room) -> None:
    part = replace(STAGES, model="larg", alias="fast", stages=("recon",))
    room.surroundings.stages = (STAGES, replace(STAGES, model="small", alias="deep"), part)

    found = room.checks()[NAME.STAGE_MODEL]

    assert found.level is LEVEL.OK
    assert room.tools.stage_inspection.resolved == ["larg"]


@pytest.mark.parametrize(
    "resolution",
    [None, ToolFailed("pi", "ambiguous"), Model(provider="azure", model_id="larger")],
)
def test_a_stage_model_that_pi_does_not_resolve_to_a_usable_one_fails(
    room: Room, resolution: Model | ToolFailed | None
) -> None:
    room.surroundings.stages = (replace(STAGES, model="larg"),)
    room.tools.stage_inspection.resolution = resolution

    assert room.checks()[NAME.STAGE_MODEL].level is LEVEL.FAIL


def test_a_new_workspace_gets_the_model_of_pi_for_its_stages(room: Room) -> None:
    room.millrace._holds_work = False
    room.surroundings.stages = (replace(STAGES, model="gpt-5.5"),)

    found = room.checks()[NAME.STAGE_MODEL]

    assert found.level is LEVEL.OK
    assert "stub/large" in found.message


def test_the_stage_model_of_an_option_is_checked_instead_of_the_workspaces(room: Room) -> None:
    room.options = room.options.with_values(stage_model="nowhere/none:high")

    found = room.checks()[NAME.STAGE_MODEL]

    assert found.level is LEVEL.FAIL
    assert "nowhere/none" in found.message


def test_stages_without_a_model_of_their_own_need_credentials(room: Room) -> None:
    room.surroundings.stages = (replace(STAGES, model=None, alias=None),)
    room.tools.inspection.models = NO_MODELS

    found = room.checks()[NAME.STAGE_MODEL]

    assert found.level is LEVEL.FAIL
    assert found.next_command == "/opt/pi/bin/pi"


def test_checks_that_wait_for_programs_run_at_the_same_time(room: Room) -> None:
    meeting = threading.Barrier(2)
    room.millrace.will_do("list_modes", lambda: _meet(meeting))
    room.tools.inspection.on_node = lambda: _meet(meeting)

    checks = room.checks()

    assert checks[NAME.MILLRACE_START].level is LEVEL.OK
    assert checks[NAME.NODE].level is LEVEL.OK


def _meet(meeting: threading.Barrier) -> None:
    meeting.wait(timeout=30)


@pytest.mark.parametrize("mode", ["default_pi", "lad_pi"])
def test_a_daemon_in_the_named_mode_is_not_a_conflict_by_any_of_its_names(
    room: Room, mode: str
) -> None:
    room.options = room.options.with_values(millrace_mode=mode)
    room.millrace.has_daemon(owned=True, mode_id="lad_pi")

    found = room.checks()[NAME.DAEMON]

    assert found.level is LEVEL.OK
    assert "lad_pi" in found.message


def test_a_daemon_in_another_mode_is_taken_where_none_was_named(room: Room) -> None:
    room.millrace.has_daemon(mode_id="learning_lad_pi")

    found = room.checks()[NAME.DAEMON]

    assert found.level is LEVEL.OK
    assert "learning_lad_pi" in found.message


def test_a_turn_is_taken_only_on_request(room: Room) -> None:
    found = room.checks(with_turn=True)[NAME.PI_TURN]

    assert found.level is LEVEL.OK
    assert "60 s" in found.message
    assert found.message.endswith(": ready")
    assert len(room.tools.conversation.prompts) == 1
    assert room.tools.conversation.closed


def test_a_turn_has_no_more_time_than_a_run_gives_it_and_long_words_are_cut(room: Room) -> None:
    room.options = OptionLayers(given={"pi_timeout_seconds": 7})
    room.tools.conversation._steps.clear()
    room.tools.conversation.will_say("long\nwords " * 40)

    found = room.checks(with_turn=True)[NAME.PI_TURN]

    assert "7 s: long words long" in found.message
    assert found.message.endswith("…")
    assert "\n" not in found.message


def test_a_turn_that_fails_fails_and_the_conversation_is_closed(room: Room) -> None:
    room.tools.conversation._steps.clear()
    error = ToolFailed("pi", "the model failed", suggested_action="choose another")
    room.tools.conversation.will_fail(error)

    found = room.checks(with_turn=True)[NAME.PI_TURN]

    assert (found.level, found.message) == (LEVEL.FAIL, "the model failed")
    assert found.next_command == "choose another"
    assert room.tools.conversation.closed


def test_a_caller_who_asks_to_stop_is_not_kept_waiting(room: Room) -> None:
    room.cancellation.cancel(CancelReason.INTERRUPTED)
    stopped = Cancelled(CancelReason.INTERRUPTED)
    room.millrace.will_fail("list_modes", stopped)

    with pytest.raises(Cancelled):
        room.all()
