"""The operator's session on fakes: tasks, commands, what is remembered, and what goes wrong."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.requests import Finalizer, IntakeKind, IntakePreference, RoutePreference
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.run.result import RunResult
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import RegisteredWorkspace, Selection
from millracer.errors import (
    ConfigInvalid,
    RunWarning,
    StoreUnavailable,
    ToolFailed,
    ToolNotFound,
    UsageError,
    WorkspaceUnresolved,
    WorkspaceUnusable,
)
from millracer.operations.options import OptionLayers, Values
from millracer.operator.input_line import COMMANDS
from millracer.operator.session import Operator, Watching
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend, item_ends, stage_runs, then
from millracer.testing.clock import FrozenClock
from tests.fakes.directories import NamedDirectories
from tests.fakes.failing_store import FailingStore
from tests.fakes.operator import ConversationTools, Words

DIRECT = json.dumps({"decision": "direct", "why": "small"})
FORCED = {"route": RoutePreference.MILLRACE, "intake": IntakePreference.TASK}
DONE = (stage_runs("builder"), stage_runs("updater"), item_ends())
ALPHA = RegisteredWorkspace(workspace_id="alpha", root_path="/alpha", default_mode="learning_pi")
BETA = RegisteredWorkspace(workspace_id="beta", root_path="/beta")
MODES = {"lad_pi", "lad_codex", "learning_pi"}


@dataclass(slots=True, kw_only=True)
class World:
    """A store, directories and programs that several operators can meet in."""

    clock: FrozenClock = field(default_factory=FrozenClock)
    store: FailingStore = field(default_factory=FailingStore)
    directories: NamedDirectories = field(
        default_factory=lambda: NamedDirectories(plain={"/here", "/alpha", "/beta", "/other"})
    )
    words: Words = field(default_factory=Words)
    tools: ConversationTools = field(init=False)
    cancellation: Cancellation = field(default_factory=Cancellation)
    heard: list[ProgressEvent] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    files: dict[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tools = ConversationTools(clock=self.clock)

    def operator(
        self,
        *,
        workspace: str | None = None,
        session_id: str = "operator",
        reads: Callable[[str], Values] | None = None,
        **options: Any,
    ) -> Operator:
        """Open a session; what it says on its own account comes with `greet`."""
        return Operator(
            tools=self.tools,
            store=self.store,
            directories=self.directories,
            clock=self.clock,
            voice=self.words,
            options=OptionLayers(
                given={"finalizer": Finalizer.SUMMARY, **options},
                workspace=reads or (lambda root_path: self.files.get(root_path, {})),
            ),
            session_id=session_id,
            workspace=workspace,
            new_request_id=lambda: f"req-{next(self.tools.numbers)}",
        )

    def take(self, operator: Operator, line: str) -> RunResult | None:
        """Let an operator do what a line says, and report it as the command does."""
        watching = Watching(
            cancellation=self.cancellation, listener=self.heard.append, on_text=self.told.append
        )
        result = operator.take(line, watching)
        if result is not None:
            operator.report(result, streamed=False)
        return result

    def ask(self, operator: Operator, line: str) -> RunResult:
        """Let it do a task."""
        result = self.take(operator, line)
        assert result is not None
        return result

    def answer(self, operator: Operator, line: str) -> str:
        """Return the one answer to a line."""
        self.words.forget()
        assert self.take(operator, line) is None
        (answer,) = self.words.answers
        return answer

    def notes(self, operator: Operator, line: str) -> str:
        """Return what is noted of a line that has no answer."""
        self.words.forget()
        self.take(operator, line)
        assert self.words.answers == []
        return "\n".join(self.words.notes)

    def greeting(self, operator: Operator) -> str:
        """Return what the operator says at the start."""
        self.words.forget()
        operator.greet()
        return "\n".join(self.words.notes)

    def here(self) -> ScriptedBackend:
        """Return the Millrace of the current directory."""
        return self.tools.millrace_of("/here")


@pytest.fixture
def world() -> World:
    return World()


def answering(*texts: str) -> ScriptedAgent:
    """Return a conversation that does these tasks directly."""
    pi = ScriptedAgent()
    for text in texts:
        pi.will_say(DIRECT)
        pi.will_say(text, deltas=(text[:2], text[2:]))
    return pi


def selected(text: str) -> tuple[str | None, str | None]:
    """Return the workspace and the mode that a line names."""
    words = text.split()
    paths = [word for word in words if word.startswith("/")]
    modes = [word for word in words if word in MODES]
    return paths[0] if paths else None, modes[0] if modes else None


def counts(queues: str) -> dict[str, int]:
    """Return the number that follows each queue's name."""
    return {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", queues)}


# tasks and the conversation


def test_every_task_direct_or_delegated_is_done_in_one_conversation(world: World) -> None:
    pi = answering("First.")
    pi.will_say(json.dumps({"decision": "millrace", "intake_kind": "task", "why": "checks"}))
    pi.will_say(DIRECT)
    pi.will_say("Third.")
    world.tools.will_open(pi)
    world.here().will_show(*DONE)
    operator = world.operator(notify_terminal_stages=False)

    routes = [world.ask(operator, task).route for task in ("one", "two", "three")]

    assert routes == ["direct", "millrace", "direct"]
    assert world.tools.opened == [("/here", pi)]
    assert pi.unused_turns == 0
    assert not pi.closed


def test_no_conversation_is_opened_before_the_first_task(world: World) -> None:
    operator = world.operator()

    for line in ("/help", "/status", "/workspace", "/mode", "/history", "/nonsense", " "):
        assert world.take(operator, line) is None

    assert world.tools.opened == []


def test_closing_ends_the_conversation_once_and_without_one_does_nothing(world: World) -> None:
    operator = world.operator()
    operator.close(Cancellation())
    pi = answering("Done.")
    world.tools.will_open(pi)
    world.ask(operator, "do it")

    operator.close(Cancellation())
    operator.close(Cancellation())

    assert pi.closed


def test_a_tasks_words_and_steps_are_told_as_they_come(world: World) -> None:
    world.tools.will_open(answering("Here it is."))

    world.ask(world.operator(), "do it")

    assert world.told == ["He", "re it is."]
    assert [event.state for event in world.heard] == ["decide", "direct", "finalize"]


def test_a_task_that_begins_with_a_slash_reaches_pi_without_the_blank(world: World) -> None:
    pi = answering("Read.")
    world.tools.will_open(pi)

    world.ask(world.operator(), " /etc/hosts looks odd")

    assert "\n/etc/hosts looks odd" in pi.prompts[-1]
    assert " /etc/hosts" not in pi.prompts[-1]


def test_a_block_of_lines_is_one_task(world: World) -> None:
    pi = answering("Read.")
    world.tools.will_open(pi)

    world.ask(world.operator(), "first\n  second\n\nthird")

    assert "first\n  second\n\nthird" in pi.prompts[-1]
    assert len(pi.prompts) == 2


def test_a_task_has_its_answer_and_one_line_of_how_it_ended(world: World) -> None:
    pi = ScriptedAgent()
    pi.will_say(DIRECT, before=lambda: world.clock.advance(2.5))
    pi.will_say("Here it is.")
    world.tools.will_open(pi)

    world.ask(world.operator(), "do it")

    assert world.words.answers == ["Here it is."]
    (note,) = world.words.notes
    assert note.startswith("completed")
    assert note.endswith("2.5 s")


def test_an_answer_that_was_streamed_is_not_said_again(world: World) -> None:
    world.tools.will_open(answering("Here it is."))
    operator = world.operator()
    result = operator.take("do it", Watching(cancellation=Cancellation()))
    assert result is not None

    operator.report(result, streamed=True)

    assert world.words.answers == []
    assert len(world.words.notes) == 1


def test_what_the_command_line_chose_goes_with_every_task(world: World) -> None:
    world.here().will_show(*DONE)
    world.tools.will_open(ScriptedAgent())

    result = world.ask(world.operator(**FORCED), "do it")

    assert (result.route, result.intake_kind) == ("millrace", IntakeKind.TASK)


def test_route_and_intake_are_chosen_for_the_session(world: World) -> None:
    world.here().will_show(*DONE)
    world.tools.will_open(ScriptedAgent())
    operator = world.operator()

    assert world.notes(operator, "/route") == "route auto"
    assert world.notes(operator, "/route millrace") == "route millrace"
    assert world.notes(operator, "/intake task") == "intake task"

    result = world.ask(operator, "do it")
    assert (result.route, result.intake_kind) == ("millrace", IntakeKind.TASK)


@pytest.mark.parametrize(
    ("line", "said", "example"),
    [
        ("/route milrace", "auto, direct, millrace", "/route millrace"),
        ("/intake 7", "auto, probe, idea, task", "/intake auto"),
    ],
)
def test_a_wrong_preference_is_told_what_can_be_chosen(
    world: World, line: str, said: str, example: str
) -> None:
    operator = world.operator()
    command = line.split(maxsplit=1)[0]

    refused, suggestion = world.notes(operator, line).splitlines()
    assert refused.startswith("error: ")
    assert command in refused
    assert said in refused
    assert example in suggestion
    assert world.notes(operator, command).endswith(" auto")


# commands


def test_help_lists_every_command_in_80_columns(world: World) -> None:
    said = world.answer(world.operator(), "/help")

    assert all(f"  /{name}" in said for name in COMMANDS)
    assert max(map(len, said.splitlines())) < 80


@pytest.mark.parametrize("line", ["/exit", "/quit", "/EXIT now"])
def test_exit_and_quit_leave(world: World, line: str) -> None:
    operator = world.operator()
    assert not operator.left

    assert world.notes(operator, line) == ""

    assert operator.left


def test_an_unknown_command_suggests_the_nearest_and_how_to_send_a_slash(world: World) -> None:
    said = world.notes(world.operator(), "/statsu now")

    assert "/statsu" in said
    assert "/status?" in said


def test_an_unknown_command_like_none_points_to_help(world: World) -> None:
    said = world.notes(world.operator(), "/etc/hosts is wrong")

    assert "/etc/hosts" in said
    assert "/help" in said


@pytest.mark.parametrize("line", ["/last", "/last json", "/history"])
def test_before_the_first_task_there_is_nothing_to_show(world: World, line: str) -> None:
    assert world.notes(world.operator(), line)
    assert world.words.answers == []


def test_last_says_the_last_answer_and_its_end_again(world: World) -> None:
    world.tools.will_open(answering("First.", "Second."))
    operator = world.operator()
    world.ask(operator, "one")
    world.ask(operator, "two")

    assert world.answer(operator, "/last") == "Second."
    (note,) = world.words.notes
    assert note.startswith("completed")


def test_last_json_is_the_results_document(world: World) -> None:
    world.tools.will_open(answering("First."))
    operator = world.operator()
    result = world.ask(operator, "one")

    document = json.loads(world.answer(operator, "/last json"))

    assert document["request_id"] == result.request_id
    assert (document["outcome"], document["output"]) == ("completed", "First.")


def test_last_takes_nothing_else(world: World) -> None:
    world.tools.will_open(answering("First."))
    operator = world.operator()
    world.ask(operator, "one")

    said = world.notes(operator, "/last yaml")
    assert "/last" in said
    assert "json" in said
    assert world.words.answers == []


def test_history_lists_the_tasks_in_order_with_their_outcomes(world: World) -> None:
    pi = answering("First.")
    pi.will_say(DIRECT)
    pi.will_fail("529 overloaded")
    world.tools.will_open(pi)
    operator = world.operator()
    world.ask(operator, "one\nand more of it")
    world.ask(operator, "two")

    first, second = world.answer(operator, "/history").splitlines()

    assert first.split() == ["1", "completed", "0.0", "s", "one"]
    assert second.split() == ["2", "failed", "0.0", "s", "two"]


# status


def test_status_of_a_plain_directory_says_so_and_asks_nobody(world: World) -> None:
    world.tools.backends["/here"] = millrace = ScriptedBackend(
        workspace="/here", is_initialised=False
    )

    said = world.answer(world.operator(), "/status")

    assert said.splitlines()[0] == "/here"
    assert len(said.splitlines()) > 1
    assert millrace.calls == []


def status(world: World) -> dict[str, str]:
    """Return the lines of `/status` by their first word."""
    _, *lines = world.answer(world.operator(), "/status").splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_status_of_an_idle_workspace(world: World) -> None:
    world.here()

    said = status(world)

    assert (said["mode"], said["active"], said["blocked"]) == ("lad_pi", "-", "-")
    assert counts(said["queues"]) == {"execution": 0, "planning": 0}


def test_status_says_the_active_stage_and_item_and_what_waits(world: World) -> None:
    millrace = world.here()
    millrace.has_daemon(mode_id="learning_lad_pi")
    millrace.holds("mine", ItemState.ACTIVE)
    millrace.holds("next", ItemState.QUEUED)
    millrace.active_stage = "builder"

    said = status(world)

    assert (said["daemon"], said["mode"]) == ("running", "learning_lad_pi")
    assert "builder" in said["active"]
    assert "mine" in said["active"]
    assert counts(said["queues"]) == {"execution": 1, "planning": 0}


def test_status_says_who_paused_and_that_it_is_to_stop(world: World) -> None:
    millrace = world.here()
    millrace.has_daemon()
    millrace.paused = millrace.stop_requested = True

    running = status(world)["daemon"]
    assert running.startswith("running")
    assert "operator" in running
    assert "stop" in running


def test_status_names_the_blocked_items(world: World) -> None:
    millrace = world.here()
    millrace.holds("stuck", ItemState.BLOCKED).title = "Paint it"
    millrace.holds("fine", ItemState.QUEUED)

    said = world.answer(world.operator(), "/status")

    blocked = said[said.index("blocked") :].split()
    assert blocked == ["blocked", "1", "Paint", "it", "stuck"]
    assert "fine" not in said


def test_status_can_be_stopped(world: World) -> None:
    world.here()
    world.cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled):
        world.take(world.operator(), "/status")


def test_status_of_a_directory_that_is_gone_is_an_error(world: World) -> None:
    operator = world.operator()
    world.directories.plain.remove("/here")

    said = world.notes(operator, "/status")
    assert said.startswith("error: ")
    assert "/here" in said


# resume


def test_resume_without_an_id_lists_what_is_left(world: World) -> None:
    millrace = world.here()
    millrace.holds("mine", ItemState.QUEUED, request_hash="0" * 64).title = "Paint it"
    millrace.holds("stuck", ItemState.BLOCKED)
    millrace.holds("done", ItemState.DONE)

    first, first_id, second, second_id, how = world.answer(world.operator(), "/resume").splitlines()

    assert first.split() == ["*", "queued", "task", "Paint", "it"]
    assert second.split()[:2] == ["blocked", "task"]
    assert (first_id.strip(), second_id.strip()) == ("mine", "stuck")
    assert "/resume ID" in how


def test_resume_without_anything_left_says_so(world: World) -> None:
    (line,) = world.answer(world.operator(), "/resume").splitlines()
    assert "/here" in line


def test_resume_with_an_id_goes_on_with_the_item(world: World) -> None:
    millrace = world.here()
    millrace.holds("mine", ItemState.QUEUED)
    millrace.will_show(*DONE)
    world.tools.will_open(ScriptedAgent())
    operator = world.operator()

    result = world.ask(operator, "/resume mine")

    assert (result.outcome, result.work_item_id) == (Outcome.COMPLETED, "mine")
    assert millrace.enqueued == []
    assert "/resume mine" in world.answer(operator, "/history")


def test_resume_of_what_is_not_there_is_an_error_and_enqueues_nothing(world: World) -> None:
    world.here()
    world.tools.will_open(ScriptedAgent())

    result = world.ask(world.operator(), "/resume nowhere")

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == ["invalid_request"]
    assert any("nowhere" in note for note in world.words.notes)
    assert world.here().enqueued == []


def test_a_cancelled_task_names_how_to_go_on_with_it(world: World) -> None:
    millrace = world.here()
    millrace.will_show(
        stage_runs("builder"), then(lambda: world.cancellation.cancel(CancelReason.INTERRUPTED))
    )
    world.tools.will_open(ScriptedAgent())

    result = world.ask(world.operator(**FORCED), "do it")

    (item_id,) = millrace.enqueued
    assert result.outcome is Outcome.CANCELLED
    assert world.words.answers == []
    (note,) = world.words.notes
    ending, suggestion = note.splitlines()
    assert ending.startswith("cancelled · ")
    assert "queued" in ending
    assert suggestion.endswith(f"/resume {item_id}")


def test_a_cancelled_task_of_which_nothing_is_kept_names_nothing(world: World) -> None:
    world.cancellation.cancel(CancelReason.INTERRUPTED)
    world.tools.will_open(ScriptedAgent())

    world.ask(world.operator(**FORCED), "do it")

    assert world.words.notes == ["cancelled · 0.0 s"]


# selections


def test_without_a_word_the_current_directory_is_the_workspace(world: World) -> None:
    assert selected(world.greeting(world.operator())) == ("/here", None)


def test_the_registrys_default_moves_no_operator(world: World) -> None:
    world.store.register_workspace(
        RegisteredWorkspace(
            workspace_id="home", root_path="/other", default_mode="lad_pi", is_default=True
        )
    )

    assert selected(world.greeting(world.operator())) == ("/here", None)


def test_a_restart_finds_the_workspace_and_the_mode(world: World) -> None:
    world.store.register_workspace(ALPHA)
    before = world.operator()
    world.take(before, "/workspace alpha")
    world.take(before, "/mode lad_codex")

    assert selected(world.greeting(world.operator())) == ("/alpha", "lad_codex")


def test_a_restart_finds_the_mode_its_workspace_is_registered_with_now(world: World) -> None:
    world.store.register_workspace(ALPHA)
    world.take(world.operator(), "/workspace alpha")
    world.store.register_workspace(replace(ALPHA, default_mode="lad_pi"))

    assert selected(world.greeting(world.operator())) == ("/alpha", "lad_pi")


def test_a_restart_finds_a_workspace_that_was_selected_by_its_path(world: World) -> None:
    world.take(world.operator(), "/workspace ../other")

    assert selected(world.greeting(world.operator()))[0] == "/other"


def test_another_session_has_its_own_selections(world: World) -> None:
    world.take(world.operator(), "/workspace /other")

    assert selected(world.greeting(world.operator(session_id="second")))[0] == "/here"


def test_what_the_command_line_names_goes_before_the_session_and_is_not_remembered(
    world: World,
) -> None:
    before = world.operator()
    world.take(before, "/workspace /other")
    world.take(before, "/mode lad_codex")

    named = world.operator(workspace="/alpha", millrace_mode="learning_pi")

    assert selected(world.greeting(named)) == ("/alpha", "learning_pi")
    assert selected(world.greeting(world.operator())) == ("/other", "lad_codex")


def test_two_operators_of_one_session_do_not_lose_each_others_selections(world: World) -> None:
    one, two = world.operator(), world.operator()

    world.take(one, "/workspace /other")
    world.take(two, "/mode lad_codex")

    assert selected(world.greeting(world.operator())) == ("/other", "lad_codex")
    world.take(two, "/workspace /alpha")
    world.take(one, "/mode -")
    assert selected(world.greeting(world.operator())) == ("/alpha", None)


def test_selecting_is_said_and_a_registered_workspace_brings_its_mode(world: World) -> None:
    world.store.register_workspace(ALPHA)
    operator = world.operator()

    assert selected(world.notes(operator, "/workspace alpha")) == ("/alpha", "learning_pi")
    assert selected(world.notes(operator, "/mode lad_pi")) == ("/alpha", "lad_pi")
    assert selected(world.notes(operator, "/mode -")) == ("/alpha", "learning_pi")
    assert selected(world.notes(operator, "/mode")) == ("/alpha", "learning_pi")


def test_tasks_are_done_in_the_selected_workspace_and_mode(world: World) -> None:
    world.store.register_workspace(ALPHA)
    millrace = world.tools.millrace_of("/alpha")
    millrace.will_show(*DONE)
    millrace.will_show(*DONE)
    world.tools.will_open(ScriptedAgent())
    operator = world.operator(**FORCED)
    world.take(operator, "/workspace alpha")

    first = world.ask(operator, "do it")
    world.take(operator, "/mode lad_codex")
    world.ask(operator, "do it again")

    assert first.workspace == "/alpha"
    assert millrace.started == ["learning_pi", "lad_codex"]
    assert world.here().enqueued == []


def test_the_configuration_file_of_each_workspace_counts_there(world: World) -> None:
    world.files["/other"] = {"route": RoutePreference.MILLRACE, "millrace_mode": "lad_pi"}
    operator = world.operator()

    assert world.notes(operator, "/route") == "route auto"
    assert selected(world.notes(operator, "/workspace /other")) == ("/other", "lad_pi")
    assert world.notes(operator, "/route") == "route millrace"
    assert world.notes(operator, "/route direct") == "route direct"
    assert selected(world.notes(operator, "/workspace /here"))[0] == "/here"
    assert world.notes(operator, "/route") == "route direct"


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        ({}, ["/here", "/other"]),
        ({"model": "m"}, ["/here", "/other"]),
        ({"cwd": "/elsewhere"}, ["/here"]),
        ({"cwd": "/elsewhere", "model": "m"}, ["/here", "/other"]),
    ],
)
def test_pi_begins_anew_where_it_would_be_started_otherwise(
    world: World, said: dict[str, str], opened: list[str]
) -> None:
    world.files["/other"] = {name: value for name, value in said.items() if name == "model"}
    world.tools.will_open(ScriptedAgent("done", "done"), ScriptedAgent("done"))
    operator = world.operator(route=RoutePreference.DIRECT, cwd=said.get("cwd"))
    world.ask(operator, "do it")

    world.take(operator, "/workspace /other")
    world.ask(operator, "do it there")

    assert [where for where, _ in world.tools.opened] == opened


def test_a_workspace_whose_file_is_wrong_is_told_and_not_moved_to(world: World) -> None:
    def refuse(root_path: str) -> Values:
        if root_path == "/other":
            raise ConfigInvalid("/other/millracer.toml is not TOML", suggested_action="correct it")
        return {}

    operator = world.operator(reads=refuse)

    said = world.notes(operator, "/workspace /other")
    assert said.splitlines() == [
        "error: /other/millracer.toml is not TOML",
        "  next: correct it",
    ]
    assert selected(world.notes(operator, "/mode"))[0] == "/here"


def test_the_operator_opens_where_the_file_is_wrong(world: World) -> None:
    def refuse(_root_path: str) -> Values:
        raise ConfigInvalid("/here/millracer.toml is not TOML")

    assert world.greeting(world.operator(reads=refuse)) == "error: /here/millracer.toml is not TOML"


def test_a_mode_is_not_changed_by_a_workspace(world: World) -> None:
    world.store.register_workspace(ALPHA)
    operator = world.operator()
    world.take(operator, "/mode lad_codex")

    assert selected(world.notes(operator, "/workspace alpha")) == ("/alpha", "lad_codex")
    session = world.store.find_session("operator")
    assert session is not None
    assert session.selection == Selection(
        workspace_id="alpha", root_path="/alpha", mode="lad_codex"
    )


def test_the_workspaces_are_listed_with_a_mark_on_the_selected_one(world: World) -> None:
    world.store.register_workspace(ALPHA)
    world.store.register_workspace(BETA)
    operator = world.operator()

    assert world.answer(operator, "/workspace").splitlines() == [
        "* -      /here",
        "  alpha  /alpha",
        "  beta   /beta",
    ]
    world.take(operator, "/workspace beta")
    assert world.answer(operator, "/workspace").splitlines() == [
        "  alpha  /alpha",
        "* beta   /beta",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "'nowhere'"),
        ("gone", "/gone"),
        ("nul\0", "error: "),
    ],
)
def test_what_is_no_workspace_is_refused_and_nothing_changes(
    world: World, name: str, said: str
) -> None:
    world.store.register_workspace(RegisteredWorkspace(workspace_id="gone", root_path="/gone"))
    operator = world.operator()

    assert said in world.notes(operator, f"/workspace {name}")
    assert selected(world.greeting(operator))[0] == "/here"
    assert world.store.find_session("operator") is None


def test_another_workspace_begins_another_conversation_there(world: World) -> None:
    first, second = answering("First."), answering("Second.")
    world.tools.will_open(first, second)
    operator = world.operator()
    world.ask(operator, "one")

    said = world.notes(operator, "/workspace /other")
    world.ask(operator, "two")

    assert "conversation" in said
    assert first.closed
    assert world.tools.opened == [("/here", first), ("/other", second)]


@pytest.mark.parametrize(
    ("choices", "path"),
    [
        pytest.param({"cwd": "/here"}, "/other", id="with --cwd"),
        pytest.param({}, "/here", id="the same workspace"),
    ],
)
def test_the_conversation_goes_on_where_its_directory_stays(
    world: World, choices: dict[str, str], path: str
) -> None:
    pi = answering("First.", "Second.")
    world.tools.will_open(pi)
    operator = world.operator(**choices)
    world.ask(operator, "one")

    assert "conversation" not in world.notes(operator, f"/workspace {path}")
    world.ask(operator, "two")

    assert world.tools.opened == [("/here", pi)]


def test_choosing_before_the_first_task_says_nothing_of_a_conversation(world: World) -> None:
    assert "conversation" not in world.notes(world.operator(), "/workspace /other")


def test_a_workspace_that_is_gone_is_said_at_the_start_and_the_session_goes_on(
    world: World,
) -> None:
    operator = world.operator(workspace="/gone")

    (error,) = (line for line in world.greeting(operator).splitlines() if "error: " in line)
    assert "/gone" in error
    assert selected(world.notes(operator, "/workspace /other"))[0] == "/other"


def test_without_a_current_directory_a_workspace_must_be_named(world: World) -> None:
    world.directories.here = None

    with pytest.raises(WorkspaceUnresolved):
        world.operator()
    assert selected(world.greeting(world.operator(workspace="/other")))[0] == "/other"


def test_a_workspace_that_is_no_path_cannot_begin(world: World) -> None:
    with pytest.raises(WorkspaceUnusable):
        world.operator(workspace="\0")


def test_names_for_completion(world: World) -> None:
    world.store.register_workspace(BETA)
    world.store.register_workspace(ALPHA)
    operator = world.operator()

    assert operator.workspace_names() == ("alpha", "beta")
    assert operator.mode_names(Wait.for_seconds(5)) == world.here().modes
    world.store.lock()
    assert operator.workspace_names() == ()


# what the session remembers of tasks


def test_each_task_is_recorded_in_the_session_and_commands_are_not(world: World) -> None:
    world.tools.will_open(answering("First.", "Second."))
    operator = world.operator()
    world.take(operator, "/status")

    ids = [world.ask(operator, task).request_id for task in ("one", "two")]

    session = world.store.find_session("operator")
    assert session is not None
    assert session.recent_request_ids == tuple(ids)
    assert len(set(ids)) == 2
    assert session.client_name == "operator"


def test_a_tasks_warnings_are_recorded_by_their_codes(world: World) -> None:
    pi = ScriptedAgent()
    told = (RunWarning("pi_warning", "old node"), RunWarning("pi_warning", "old model"))
    pi.will_say(DIRECT, before=lambda: setattr(pi, "pending_notices", told))
    pi.will_say("First.")
    world.tools.will_open(pi)

    world.ask(world.operator(), "one")

    session = world.store.find_session("operator")
    assert session is not None
    assert session.last_warning_codes == ("pi_warning",)


# trouble


def test_a_warning_is_said_once_a_session(world: World) -> None:
    world.tools.will_open(ScriptedAgent())
    millrace = world.here()
    millrace.has_daemon(mode_id="lad_codex")
    for _ in range(2):
        millrace.will_show(*DONE)
    operator = world.operator(**FORCED)

    results = [world.ask(operator, task) for task in ("one", "two")]

    assert [[warning.code for warning in each.warnings] for each in results] == [
        ["mode_of_daemon"]
    ] * 2
    assert sum("warning: mode_of_daemon" in note for note in world.words.notes) == 1


def test_what_pi_noticed_belongs_to_the_task_it_happened_in(world: World) -> None:
    pi = ScriptedAgent()
    world.tools.will_open(pi)
    operator = world.operator()

    def restarts(count: int) -> Callable[[], None]:
        notice = RunWarning("pi_restarted", f"pi was started again after {count} turns")
        return lambda: setattr(pi, "pending_notices", (*pi.pending_notices, notice))

    for before in (restarts(1), None, restarts(5)):
        pi.will_say(DIRECT, before=before)
        pi.will_say("Done.")

    codes = [[w.code for w in world.ask(operator, "do it").warnings] for _ in range(3)]

    assert codes == [["pi_restarted"], [], ["pi_restarted"]]
    assert [note for note in world.words.notes if "warning" in note] == [
        "warning: pi_restarted: pi was started again after 1 turns",
        "warning: pi_restarted: pi was started again after 5 turns",
    ]


@pytest.mark.parametrize(
    "error",
    [
        ToolNotFound("pi", "`pi` cannot be run", suggested_action="install it"),
        ToolFailed("pi", "no API key", suggested_action="log in"),
    ],
)
def test_a_pi_that_fails_is_an_error_and_the_session_goes_on(
    world: World, error: ToolFailed
) -> None:
    pi = ScriptedAgent()
    pi.will_fail(error)
    pi.will_say(DIRECT)
    pi.will_say("Second.")
    world.tools.will_open(pi)
    operator = world.operator()

    result = world.ask(operator, "one")

    assert result.outcome is Outcome.FAILED
    assert world.words.answers == []
    assert world.words.notes == [
        f"error: {error.message}\n  next: {error.suggested_action}",
        world.words.notes[-1],
    ]
    assert world.words.notes[-1].startswith("failed")
    assert world.ask(operator, "two").output == "Second."


def test_a_millrace_that_refuses_is_an_error_and_the_session_goes_on(world: World) -> None:
    world.tools.will_open(answering("Second."))
    world.here().will_fail("initialise", WorkspaceUnusable("it is not writable"))
    operator = world.operator(intake=IntakePreference.TASK)
    world.take(operator, "/route millrace")

    assert world.ask(operator, "one").outcome is Outcome.FAILED

    assert any("error: it is not writable" in note for note in world.words.notes)
    world.take(operator, "/route auto")
    assert world.ask(operator, "two").outcome is Outcome.COMPLETED


@pytest.mark.parametrize("what", ["refusal", "pi_refusal", "run_error"])
def test_a_task_that_cannot_even_begin_has_a_failed_result_that_is_recorded(
    world: World, what: str
) -> None:
    world.tools.will_open(answering("Second."))
    setattr(world.tools, what, UsageError("skill x is not there", suggested_action="name another"))
    operator = world.operator()

    result = world.ask(operator, "one")

    assert (result.outcome, [error.code for error in result.errors]) == (Outcome.FAILED, ["usage"])
    assert world.words.notes[0] == "error: skill x is not there\n  next: name another"
    assert "failed" in world.answer(operator, "/history")
    session = world.store.find_session("operator")
    assert session is not None
    assert session.recent_request_ids == (result.request_id,)
    setattr(world.tools, what, None)
    assert world.ask(operator, "two").output == "Second."


@pytest.mark.parametrize("line", ["/status", "/resume"])
def test_a_command_that_cannot_ask_millrace_is_an_error(world: World, line: str) -> None:
    world.tools.refusal = ToolNotFound("millrace", "no millrace", suggested_action="install it")

    assert world.notes(world.operator(), line) == "error: no millrace\n  next: install it"


def test_a_millrace_of_another_version_is_refused_by_status(world: World) -> None:
    world.here().will_fail("check_supported", ToolNotFound("millrace", "no one"))

    said = world.notes(world.operator(), "/status")
    refused, suggestion = said.splitlines()
    assert refused == "error: no one"
    assert "`millracer setup`" in suggestion


# a store that cannot be used


def test_a_locked_store_is_said_once_and_does_not_keep_a_session_from_working(
    world: World,
) -> None:
    world.store.lock()
    world.tools.will_open(answering("First.", "Second."))
    operator = world.operator()

    assert "warning: session_store_unavailable" in world.greeting(operator)
    world.words.forget()
    assert world.ask(operator, "one").output == "First."
    assert world.ask(operator, "two").output == "Second."
    assert [note.split()[0] for note in world.words.notes] == ["completed", "completed"]


def test_a_store_that_is_locked_later_is_said_after_the_task(world: World) -> None:
    world.tools.will_open(answering("First.", "Second."))
    operator = world.operator()
    world.store.lock()

    world.ask(operator, "one")
    world.ask(operator, "two")

    assert [note.split()[0] for note in world.words.notes] == [
        "warning:",
        "completed",
        "completed",
    ]


def test_a_selection_that_cannot_be_remembered_is_chosen_all_the_same(world: World) -> None:
    operator = world.operator()
    world.store.lock()

    workspace = world.notes(operator, "/workspace /other")
    mode = world.notes(operator, "/mode lad_codex")

    for said, chosen in ((workspace, "/other"), (mode, "lad_codex")):
        *_, selection = (line for line in said.splitlines() if chosen in line)
        assert selection
        assert len(said.splitlines()) > 1
    assert selected(world.greeting(operator)) == ("/other", "lad_codex")


def test_an_id_that_cannot_be_looked_up_is_not_called_unknown(world: World) -> None:
    world.store.register_workspace(ALPHA)
    operator = world.operator()
    world.store.lock()

    said = world.notes(operator, "/workspace alpha")

    assert said.startswith("error: ")
    assert "alpha" not in said


def test_a_list_that_cannot_be_read_is_an_error(world: World) -> None:
    operator = world.operator()
    world.store.lock()

    assert world.notes(operator, "/workspace").startswith("error: ")


def test_what_a_store_has_to_tell_is_told(world: World) -> None:
    world.store.told = (RunWarning(StoreUnavailable.code, "set aside as x.corrupt"),)

    operator = world.operator()

    assert "set aside as x.corrupt" in world.greeting(operator)
    assert "set aside" not in world.greeting(operator)
