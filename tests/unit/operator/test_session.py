"""The operator's session on fakes: tasks, commands, stored selections, and failures."""

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
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import item_ends, stage_runs, then
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
class Scene:
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
    printed: list[str] = field(default_factory=list)
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
            cancellation=self.cancellation, listener=self.heard.append, on_text=self.printed.append
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
def scene() -> Scene:
    return Scene()


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


def test_every_task_direct_or_delegated_is_done_in_one_conversation(scene: Scene) -> None:
    pi = answering("First.")
    pi.will_say(json.dumps({"decision": "millrace", "intake_kind": "task", "why": "checks"}))
    pi.will_say(DIRECT)
    pi.will_say("Third.")
    scene.tools.will_open(pi)
    scene.here().will_show(*DONE)
    operator = scene.operator(notify_terminal_stages=False)

    routes = [scene.ask(operator, task).route for task in ("one", "two", "three")]

    assert routes == ["direct", "millrace", "direct"]
    assert scene.tools.opened == [("/here", pi)]
    assert pi.unused_turns == 0
    assert not pi.closed


def test_no_conversation_is_opened_before_the_first_task(scene: Scene) -> None:
    operator = scene.operator()

    for line in ("/help", "/status", "/workspace", "/mode", "/history", "/nonsense", " "):
        assert scene.take(operator, line) is None

    assert scene.tools.opened == []


def test_closing_ends_the_conversation_once_and_without_one_does_nothing(scene: Scene) -> None:
    operator = scene.operator()
    operator.close(Cancellation())
    pi = answering("Done.")
    scene.tools.will_open(pi)
    scene.ask(operator, "do it")

    operator.close(Cancellation())
    operator.close(Cancellation())

    assert pi.closed


def test_a_tasks_words_and_steps_are_printed_as_they_come(scene: Scene) -> None:
    scene.tools.will_open(answering("Here it is."))

    scene.ask(scene.operator(), "do it")

    assert scene.printed == ["He", "re it is."]
    assert list(dict.fromkeys(event.state for event in scene.heard)) == [
        "decide",
        "direct",
        "finalize",
    ]


def test_a_task_that_begins_with_a_slash_reaches_pi_without_the_blank(scene: Scene) -> None:
    pi = answering("Read.")
    scene.tools.will_open(pi)

    scene.ask(scene.operator(), " /etc/hosts looks odd")

    assert "\n/etc/hosts looks odd" in pi.prompts[-1]
    assert " /etc/hosts" not in pi.prompts[-1]


def test_a_block_of_lines_is_one_task(scene: Scene) -> None:
    pi = answering("Read.")
    scene.tools.will_open(pi)

    scene.ask(scene.operator(), "first\n  second\n\nthird")

    assert "first\n  second\n\nthird" in pi.prompts[-1]
    assert len(pi.prompts) == 2


def test_a_task_has_its_answer_and_one_line_of_how_it_ended(scene: Scene) -> None:
    pi = ScriptedAgent()
    pi.will_say(DIRECT, before=lambda: scene.clock.advance(2.5))
    pi.will_say("Here it is.")
    scene.tools.will_open(pi)

    scene.ask(scene.operator(), "do it")

    assert scene.words.answers == ["Here it is."]
    (note,) = scene.words.notes
    assert note.startswith("completed")
    assert note.endswith("2.5 s")


def test_an_answer_that_was_streamed_is_not_said_again(scene: Scene) -> None:
    scene.tools.will_open(answering("Here it is."))
    operator = scene.operator()
    result = operator.take("do it", Watching(cancellation=Cancellation()))
    assert result is not None

    operator.report(result, streamed=True)

    assert scene.words.answers == []
    assert len(scene.words.notes) == 1


def test_what_the_command_line_chose_goes_with_every_task(scene: Scene) -> None:
    scene.here().will_show(*DONE)
    scene.tools.will_open(ScriptedAgent())

    result = scene.ask(scene.operator(**FORCED), "do it")

    assert (result.route, result.intake_kind) == ("millrace", IntakeKind.TASK)


def test_route_and_intake_are_chosen_for_the_session(scene: Scene) -> None:
    scene.here().will_show(*DONE)
    scene.tools.will_open(ScriptedAgent())
    operator = scene.operator()

    assert scene.notes(operator, "/route") == "route auto"
    assert scene.notes(operator, "/route millrace") == "route millrace"
    assert scene.notes(operator, "/intake task") == "intake task"

    result = scene.ask(operator, "do it")
    assert (result.route, result.intake_kind) == ("millrace", IntakeKind.TASK)


@pytest.mark.parametrize(
    ("line", "said", "example"),
    [
        ("/route milrace", "auto, direct, millrace", "/route millrace"),
        ("/intake 7", "auto, probe, idea, task", "/intake auto"),
    ],
)
def test_a_wrong_preference_is_answered_with_the_choices(
    scene: Scene, line: str, said: str, example: str
) -> None:
    operator = scene.operator()
    command = line.split(maxsplit=1)[0]

    refused, suggestion = scene.notes(operator, line).splitlines()
    assert refused.startswith("error: ")
    assert command in refused
    assert said in refused
    assert example in suggestion
    assert scene.notes(operator, command).endswith(" auto")


# commands


def test_help_lists_every_command_in_80_columns(scene: Scene) -> None:
    said = scene.answer(scene.operator(), "/help")

    assert all(f"  /{name}" in said for name in COMMANDS)
    assert max(map(len, said.splitlines())) < 80


@pytest.mark.parametrize("line", ["/exit", "/quit", "/EXIT now"])
def test_exit_and_quit_leave(scene: Scene, line: str) -> None:
    operator = scene.operator()
    assert not operator.left

    assert scene.notes(operator, line) == ""

    assert operator.left


def test_an_unknown_command_suggests_the_nearest_and_how_to_send_a_slash(scene: Scene) -> None:
    said = scene.notes(scene.operator(), "/statsu now")

    assert "/statsu" in said
    assert "/status?" in said


def test_an_unknown_command_like_none_points_to_help(scene: Scene) -> None:
    said = scene.notes(scene.operator(), "/etc/hosts is wrong")

    assert "/etc/hosts" in said
    assert "/help" in said


@pytest.mark.parametrize("line", ["/last", "/last json", "/history"])
def test_before_the_first_task_there_is_nothing_to_show(scene: Scene, line: str) -> None:
    assert scene.notes(scene.operator(), line)
    assert scene.words.answers == []


def test_last_says_the_last_answer_and_its_end_again(scene: Scene) -> None:
    scene.tools.will_open(answering("First.", "Second."))
    operator = scene.operator()
    scene.ask(operator, "one")
    scene.ask(operator, "two")

    assert scene.answer(operator, "/last") == "Second."
    (note,) = scene.words.notes
    assert note.startswith("completed")


def test_last_json_is_the_results_document(scene: Scene) -> None:
    scene.tools.will_open(answering("First."))
    operator = scene.operator()
    result = scene.ask(operator, "one")

    document = json.loads(scene.answer(operator, "/last json"))

    assert document["request_id"] == result.request_id
    assert (document["outcome"], document["output"]) == ("completed", "First.")


def test_last_takes_nothing_else(scene: Scene) -> None:
    scene.tools.will_open(answering("First."))
    operator = scene.operator()
    scene.ask(operator, "one")

    said = scene.notes(operator, "/last yaml")
    assert "/last" in said
    assert "json" in said
    assert scene.words.answers == []


def test_history_lists_the_tasks_in_order_with_their_outcomes(scene: Scene) -> None:
    pi = answering("First.")
    pi.will_say(DIRECT)
    pi.will_fail("529 overloaded")
    scene.tools.will_open(pi)
    operator = scene.operator()
    scene.ask(operator, "one\nand more of it")
    scene.ask(operator, "two")

    first, second = scene.answer(operator, "/history").splitlines()

    assert first.split() == ["1", "completed", "0.0", "s", "one"]
    assert second.split() == ["2", "failed", "0.0", "s", "two"]


def test_a_mode_that_millrace_does_not_know_is_refused_at_once(scene: Scene) -> None:
    operator = scene.operator()

    said = scene.notes(operator, "/mode lad_p")

    assert "lad_pi" in said
    assert selected(scene.greeting(operator)) == ("/here", None)
    assert "lad_codex" in scene.notes(operator, "/mode")


def test_history_and_last_are_there_after_a_restart(scene: Scene) -> None:
    scene.tools.will_open(ScriptedAgent())
    scene.here().will_show(*DONE)
    result = scene.ask(scene.operator(**FORCED), "one")
    assert result.work_item_id is not None

    again = scene.operator()

    assert result.work_item_id in scene.answer(again, "/history")
    for line in ("/last", "/last json", "/show", f"/show {result.work_item_id}"):
        assert result.work_item_id in scene.answer(again, line), line


def test_a_blocked_item_is_retried_and_its_logs_and_changes_are_shown(scene: Scene) -> None:
    scene.here().holds("build-it", ItemState.BLOCKED)
    operator = scene.operator()

    assert "/watch build-it" in scene.notes(operator, "/retry build-it")
    scene.take(operator, "/logs build-it")
    scene.take(operator, "/diff build-it")


# status


def test_status_of_a_plain_directory_reads_only_the_version(scene: Scene) -> None:
    scene.tools.backends["/here"] = millrace = ScriptedBackend(
        workspace="/here", is_initialised=False
    )

    said = scene.answer(scene.operator(), "/status")

    assert said.startswith("/here  (")
    assert len(said.splitlines()) > 1
    assert millrace.calls == ["check_supported"]


def status(scene: Scene) -> dict[str, str]:
    """Return the lines of `/status` by their first word."""
    _, *lines = scene.answer(scene.operator(), "/status").splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_status_of_an_idle_workspace(scene: Scene) -> None:
    scene.here()

    said = status(scene)

    assert (said["active"], "blocked" in said) == ("-", False)
    assert counts(said["queue"]) == {"execution": 0, "planning": 0}


def test_status_says_the_active_stage_and_item_and_what_waits(scene: Scene) -> None:
    millrace = scene.here()
    millrace.has_daemon(mode_id="learning_lad_pi")
    millrace.holds("mine", ItemState.ACTIVE)
    millrace.holds("next", ItemState.QUEUED)
    millrace.active_stage = "builder"

    said = status(scene)

    assert said["daemon"].startswith("runs")
    assert said["mode"] == "learning_lad_pi"
    assert "builder" in said["active"]
    assert "mine" in said["active"]
    assert counts(said["queue"]) == {"execution": 1, "planning": 0}


def test_status_says_who_paused_and_that_it_is_to_stop(scene: Scene) -> None:
    millrace = scene.here()
    millrace.has_daemon()
    millrace.paused = millrace.stop_requested = True

    running = status(scene)["daemon"]
    assert running.startswith("runs")
    assert "operator" in running
    assert "stop" in running


def test_status_names_the_blocked_items(scene: Scene) -> None:
    millrace = scene.here()
    millrace.holds("stuck", ItemState.BLOCKED).title = "Paint it"
    millrace.holds("fine", ItemState.QUEUED)

    said = scene.answer(scene.operator(), "/status")

    (blocked,) = [line for line in said.splitlines() if line.startswith("  blocked")]
    assert blocked.split() == ["blocked", "stuck", "Paint", "it"]


def test_status_can_be_stopped(scene: Scene) -> None:
    scene.here()
    scene.cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled):
        scene.take(scene.operator(), "/status")


def test_status_of_a_directory_that_is_gone_is_an_error(scene: Scene) -> None:
    operator = scene.operator()
    scene.directories.plain.remove("/here")

    said = scene.notes(operator, "/status")
    assert said.startswith("error: ")
    assert "/here" in said


# resume


def test_resume_without_an_id_lists_what_is_left(scene: Scene) -> None:
    millrace = scene.here()
    millrace.holds("mine", ItemState.QUEUED, request_hash="0" * 64).title = "Paint it"
    millrace.holds("stuck", ItemState.BLOCKED)
    millrace.holds("done", ItemState.DONE)

    first, first_id, second, second_id, how = scene.answer(scene.operator(), "/watch").splitlines()

    assert first.split() == ["*", "queued", "task", "Paint", "it"]
    assert second.split()[:2] == ["blocked", "task"]
    assert (first_id.strip(), second_id.strip()) == ("mine", "stuck")
    assert "/watch ID" in how


def test_resume_without_anything_left_says_so(scene: Scene) -> None:
    (line,) = scene.answer(scene.operator(), "/watch").splitlines()
    assert "/here" in line


def test_resume_with_an_id_continues_the_item(scene: Scene) -> None:
    millrace = scene.here()
    millrace.holds("mine", ItemState.QUEUED)
    millrace.will_show(*DONE)
    scene.tools.will_open(ScriptedAgent())
    operator = scene.operator()

    result = scene.ask(operator, "/watch mine")

    assert (result.outcome, result.work_item_id) == (Outcome.COMPLETED, "mine")
    assert millrace.enqueued == []
    assert "/watch mine" in scene.answer(operator, "/history")


def test_resume_of_what_is_not_there_is_an_error_and_enqueues_nothing(scene: Scene) -> None:
    scene.here()
    scene.tools.will_open(ScriptedAgent())

    result = scene.ask(scene.operator(), "/watch nowhere")

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == ["invalid_request"]
    assert any("nowhere" in note for note in scene.words.notes)
    assert scene.here().enqueued == []


def test_a_cancelled_task_names_how_to_continue_it(scene: Scene) -> None:
    millrace = scene.here()
    millrace.will_show(
        stage_runs("builder"), then(lambda: scene.cancellation.cancel(CancelReason.INTERRUPTED))
    )
    scene.tools.will_open(ScriptedAgent())

    result = scene.ask(scene.operator(**FORCED), "do it")

    (item_id,) = millrace.enqueued
    assert result.outcome is Outcome.CANCELLED
    assert scene.words.answers == []
    (note,) = scene.words.notes
    ending, suggestion = note.splitlines()
    assert ending.startswith("cancelled · ")
    assert "queued" in ending
    assert suggestion.endswith(f"/watch {item_id}")


def test_a_cancelled_task_of_which_nothing_is_kept_names_nothing(scene: Scene) -> None:
    scene.cancellation.cancel(CancelReason.INTERRUPTED)
    scene.tools.will_open(ScriptedAgent())

    scene.ask(scene.operator(**FORCED), "do it")

    assert scene.words.notes == ["cancelled · 0.0 s"]


# selections


def test_without_a_word_the_current_directory_is_the_workspace(scene: Scene) -> None:
    assert selected(scene.greeting(scene.operator())) == ("/here", None)


def test_the_registrys_default_moves_no_operator(scene: Scene) -> None:
    scene.store.register_workspace(
        RegisteredWorkspace(
            workspace_id="home", root_path="/other", default_mode="lad_pi", is_default=True
        )
    )

    assert selected(scene.greeting(scene.operator())) == ("/here", None)


def test_a_restart_finds_the_workspace_and_the_mode(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    before = scene.operator()
    scene.take(before, "/workspace alpha")
    scene.take(before, "/mode lad_codex")

    assert selected(scene.greeting(scene.operator())) == ("/alpha", "lad_codex")


def test_a_restart_finds_the_mode_its_workspace_is_registered_with_now(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    scene.take(scene.operator(), "/workspace alpha")
    scene.store.register_workspace(replace(ALPHA, default_mode="lad_pi"))

    assert selected(scene.greeting(scene.operator())) == ("/alpha", "lad_pi")


def test_a_restart_finds_a_workspace_that_was_selected_by_its_path(scene: Scene) -> None:
    scene.take(scene.operator(), "/workspace ../other")

    assert selected(scene.greeting(scene.operator()))[0] == "/other"


def test_another_session_has_its_own_selections(scene: Scene) -> None:
    scene.take(scene.operator(), "/workspace /other")

    assert selected(scene.greeting(scene.operator(session_id="second")))[0] == "/here"


def test_what_the_command_line_names_goes_before_the_session_and_is_not_remembered(
    scene: Scene,
) -> None:
    before = scene.operator()
    scene.take(before, "/workspace /other")
    scene.take(before, "/mode lad_codex")

    named = scene.operator(workspace="/alpha", millrace_mode="learning_pi")

    assert selected(scene.greeting(named)) == ("/alpha", "learning_pi")
    assert selected(scene.greeting(scene.operator())) == ("/other", "lad_codex")


def test_two_operators_of_one_session_do_not_lose_each_others_selections(scene: Scene) -> None:
    one, two = scene.operator(), scene.operator()

    scene.take(one, "/workspace /other")
    scene.take(two, "/mode lad_codex")

    assert selected(scene.greeting(scene.operator())) == ("/other", "lad_codex")
    scene.take(two, "/workspace /alpha")
    scene.take(one, "/mode -")
    assert selected(scene.greeting(scene.operator())) == ("/alpha", None)


def test_selecting_is_confirmed_and_a_registered_workspace_brings_its_mode(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    operator = scene.operator()

    assert selected(scene.notes(operator, "/workspace alpha")) == ("/alpha", "learning_pi")
    assert selected(scene.notes(operator, "/mode lad_pi")) == ("/alpha", "lad_pi")
    assert selected(scene.notes(operator, "/mode -")) == ("/alpha", "learning_pi")
    assert selected(scene.notes(operator, "/mode")) == ("/alpha", "learning_pi")


def test_tasks_are_done_in_the_selected_workspace_and_mode(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    millrace = scene.tools.millrace_of("/alpha")
    millrace.will_show(*DONE)
    millrace.will_show(*DONE)
    scene.tools.will_open(ScriptedAgent())
    operator = scene.operator(**FORCED)
    scene.take(operator, "/workspace alpha")

    first = scene.ask(operator, "do it")
    scene.take(operator, "/mode lad_codex")
    scene.ask(operator, "do it again")

    assert first.workspace == "/alpha"
    assert millrace.started == ["learning_pi", "lad_codex"]
    assert scene.here().enqueued == []


def test_the_configuration_file_of_each_workspace_counts_there(scene: Scene) -> None:
    scene.files["/other"] = {"route": RoutePreference.MILLRACE, "millrace_mode": "lad_pi"}
    operator = scene.operator()

    assert scene.notes(operator, "/route") == "route auto"
    assert selected(scene.notes(operator, "/workspace /other")) == ("/other", "lad_pi")
    assert scene.notes(operator, "/route") == "route millrace"
    assert scene.notes(operator, "/route direct") == "route direct"
    assert selected(scene.notes(operator, "/workspace /here"))[0] == "/here"
    assert scene.notes(operator, "/route") == "route direct"


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        ({}, ["/here", "/other"]),
        ({"model": "m"}, ["/here", "/other"]),
        ({"cwd": "/elsewhere"}, ["/here"]),
        ({"cwd": "/elsewhere", "model": "m"}, ["/here", "/other"]),
    ],
)
def test_pi_starts_again_where_its_start_would_differ(
    scene: Scene, said: dict[str, str], opened: list[str]
) -> None:
    scene.files["/other"] = {name: value for name, value in said.items() if name == "model"}
    scene.tools.will_open(ScriptedAgent("done", "done"), ScriptedAgent("done"))
    operator = scene.operator(route=RoutePreference.DIRECT, cwd=said.get("cwd"))
    scene.ask(operator, "do it")

    scene.take(operator, "/workspace /other")
    scene.ask(operator, "do it there")

    assert [where for where, _ in scene.tools.opened] == opened


def test_a_workspace_whose_file_is_wrong_is_reported_and_not_moved_to(scene: Scene) -> None:
    def refuse(root_path: str) -> Values:
        if root_path == "/other":
            raise ConfigInvalid("/other/millracer.toml is not TOML", suggested_action="correct it")
        return {}

    operator = scene.operator(reads=refuse)

    said = scene.notes(operator, "/workspace /other")
    assert said.splitlines() == [
        "error: /other/millracer.toml is not TOML",
        "  next: correct it",
    ]
    assert selected(scene.notes(operator, "/mode"))[0] == "/here"


def test_the_operator_opens_where_the_file_is_wrong(scene: Scene) -> None:
    def refuse(_root_path: str) -> Values:
        raise ConfigInvalid("/here/millracer.toml is not TOML")

    assert scene.greeting(scene.operator(reads=refuse)) == "error: /here/millracer.toml is not TOML"


def test_a_mode_is_not_changed_by_a_workspace(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    operator = scene.operator()
    scene.take(operator, "/mode lad_codex")

    assert selected(scene.notes(operator, "/workspace alpha")) == ("/alpha", "lad_codex")
    session = scene.store.find_session("operator")
    assert session is not None
    assert session.selection == Selection(
        workspace_id="alpha", root_path="/alpha", mode="lad_codex"
    )


def test_the_workspaces_are_listed_with_a_mark_on_the_selected_one(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    scene.store.register_workspace(BETA)
    operator = scene.operator()

    assert scene.answer(operator, "/workspace").splitlines() == [
        "* -      /here",
        "  alpha  /alpha",
        "  beta   /beta",
    ]
    scene.take(operator, "/workspace beta")
    assert scene.answer(operator, "/workspace").splitlines() == [
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
def test_an_invalid_workspace_is_refused_and_nothing_changes(
    scene: Scene, name: str, said: str
) -> None:
    scene.store.register_workspace(RegisteredWorkspace(workspace_id="gone", root_path="/gone"))
    operator = scene.operator()

    assert said in scene.notes(operator, f"/workspace {name}")
    assert selected(scene.greeting(operator))[0] == "/here"
    assert scene.store.find_session("operator") is None


def test_another_workspace_begins_another_conversation_there(scene: Scene) -> None:
    first, second = answering("First."), answering("Second.")
    scene.tools.will_open(first, second)
    operator = scene.operator()
    scene.ask(operator, "one")

    said = scene.notes(operator, "/workspace /other")
    scene.ask(operator, "two")

    assert "conversation" in said
    assert first.closed
    assert scene.tools.opened == [("/here", first), ("/other", second)]


@pytest.mark.parametrize(
    ("choices", "path"),
    [
        pytest.param({"cwd": "/here"}, "/other", id="with --cwd"),
        pytest.param({}, "/here", id="the same workspace"),
    ],
)
def test_the_conversation_continues_where_its_directory_stays(
    scene: Scene, choices: dict[str, str], path: str
) -> None:
    pi = answering("First.", "Second.")
    scene.tools.will_open(pi)
    operator = scene.operator(**choices)
    scene.ask(operator, "one")

    assert "conversation" not in scene.notes(operator, f"/workspace {path}")
    scene.ask(operator, "two")

    assert scene.tools.opened == [("/here", pi)]


def test_choosing_before_the_first_task_says_nothing_of_a_conversation(scene: Scene) -> None:
    assert "conversation" not in scene.notes(scene.operator(), "/workspace /other")


def test_a_missing_workspace_is_reported_at_the_start_and_the_session_continues(
    scene: Scene,
) -> None:
    operator = scene.operator(workspace="/gone")

    (error,) = (line for line in scene.greeting(operator).splitlines() if "error: " in line)
    assert "/gone" in error
    assert selected(scene.notes(operator, "/workspace /other"))[0] == "/other"


def test_without_a_current_directory_a_workspace_must_be_named(scene: Scene) -> None:
    scene.directories.here = None

    with pytest.raises(WorkspaceUnresolved):
        scene.operator()
    assert selected(scene.greeting(scene.operator(workspace="/other")))[0] == "/other"


def test_a_workspace_that_is_not_a_path_cannot_begin(scene: Scene) -> None:
    with pytest.raises(WorkspaceUnusable):
        scene.operator(workspace="\0")


def test_names_for_completion(scene: Scene) -> None:
    scene.store.register_workspace(BETA)
    scene.store.register_workspace(ALPHA)
    operator = scene.operator()

    assert operator.workspace_names() == ("alpha", "beta")
    assert operator.mode_names(Wait.for_seconds(5)) == scene.here().modes
    scene.store.lock()
    assert operator.workspace_names() == ()


# what the session remembers of tasks


def test_each_task_is_recorded_in_the_session_and_commands_are_not(scene: Scene) -> None:
    scene.tools.will_open(answering("First.", "Second."))
    operator = scene.operator()
    scene.take(operator, "/status")

    ids = [scene.ask(operator, task).request_id for task in ("one", "two")]

    session = scene.store.find_session("operator")
    assert session is not None
    assert session.recent_request_ids == tuple(ids)
    assert len(set(ids)) == 2
    assert session.client_name == "operator"


def test_a_tasks_warnings_are_recorded_by_their_codes(scene: Scene) -> None:
    pi = ScriptedAgent()
    notices = (RunWarning("pi_warning", "old node"), RunWarning("pi_warning", "old model"))
    pi.will_say(DIRECT, before=lambda: setattr(pi, "pending_notices", notices))
    pi.will_say("First.")
    scene.tools.will_open(pi)

    scene.ask(scene.operator(), "one")

    session = scene.store.find_session("operator")
    assert session is not None
    assert session.last_warning_codes == ("pi_warning",)


# trouble


def test_a_warning_is_printed_once_a_session(scene: Scene) -> None:
    scene.tools.will_open(ScriptedAgent())
    millrace = scene.here()
    millrace.has_daemon(mode_id="lad_codex")
    for _ in range(2):
        millrace.will_show(*DONE)
    operator = scene.operator(**FORCED)

    results = [scene.ask(operator, task) for task in ("one", "two")]

    assert [[warning.code for warning in each.warnings] for each in results] == [
        ["mode_of_daemon"]
    ] * 2
    assert sum("warning: mode_of_daemon" in note for note in scene.words.notes) == 1


def test_what_pi_noticed_belongs_to_the_task_it_happened_in(scene: Scene) -> None:
    pi = ScriptedAgent()
    scene.tools.will_open(pi)
    operator = scene.operator()

    def restarts(count: int) -> Callable[[], None]:
        notice = RunWarning("pi_restarted", f"pi was started again after {count} turns")
        return lambda: setattr(pi, "pending_notices", (*pi.pending_notices, notice))

    for before in (restarts(1), None, restarts(5)):
        pi.will_say(DIRECT, before=before)
        pi.will_say("Done.")

    codes = [[w.code for w in scene.ask(operator, "do it").warnings] for _ in range(3)]

    assert codes == [["pi_restarted"], [], ["pi_restarted"]]
    assert [note for note in scene.words.notes if "warning" in note] == [
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
def test_a_pi_that_fails_is_an_error_and_the_session_continues(
    scene: Scene, error: ToolFailed
) -> None:
    pi = ScriptedAgent()
    pi.will_fail(error)
    pi.will_say(DIRECT)
    pi.will_say("Second.")
    scene.tools.will_open(pi)
    operator = scene.operator()

    result = scene.ask(operator, "one")

    assert result.outcome is Outcome.FAILED
    assert scene.words.answers == []
    assert scene.words.notes == [
        f"error: {error.message}\n  next: {error.suggested_action}",
        scene.words.notes[-1],
    ]
    assert scene.words.notes[-1].startswith("failed")
    assert scene.ask(operator, "two").output == "Second."


def test_a_millrace_that_refuses_is_an_error_and_the_session_continues(scene: Scene) -> None:
    scene.tools.will_open(answering("Second."))
    scene.here().will_fail("initialise", WorkspaceUnusable("it is not writable"))
    operator = scene.operator(intake=IntakePreference.TASK)
    scene.take(operator, "/route millrace")

    assert scene.ask(operator, "one").outcome is Outcome.FAILED

    assert any("error: it is not writable" in note for note in scene.words.notes)
    scene.take(operator, "/route auto")
    assert scene.ask(operator, "two").outcome is Outcome.COMPLETED


@pytest.mark.parametrize("what", ["refusal", "pi_refusal", "run_error"])
def test_a_task_that_cannot_even_begin_has_a_failed_result_that_is_recorded(
    scene: Scene, what: str
) -> None:
    scene.tools.will_open(answering("Second."))
    setattr(scene.tools, what, UsageError("skill x is not there", suggested_action="name another"))
    operator = scene.operator()

    result = scene.ask(operator, "one")

    assert (result.outcome, [error.code for error in result.errors]) == (Outcome.FAILED, ["usage"])
    assert scene.words.notes[0] == "error: skill x is not there\n  next: name another"
    assert "failed" in scene.answer(operator, "/history")
    session = scene.store.find_session("operator")
    assert session is not None
    assert session.recent_request_ids == (result.request_id,)
    setattr(scene.tools, what, None)
    assert scene.ask(operator, "two").output == "Second."


@pytest.mark.parametrize("line", ["/status", "/watch"])
def test_a_command_that_cannot_ask_millrace_is_an_error(scene: Scene, line: str) -> None:
    scene.tools.refusal = ToolNotFound("millrace", "no millrace", suggested_action="install it")

    assert scene.notes(scene.operator(), line) == "error: no millrace\n  next: install it"


def test_a_millrace_of_another_version_is_refused_by_status(scene: Scene) -> None:
    scene.here().will_fail("check_supported", ToolNotFound("millrace", "no one"))

    said = status(scene)

    assert said["error"] == "no one"
    assert "`millracer setup`" in said["next"]


# a store that cannot be used


def test_a_locked_store_is_reported_once_and_does_not_keep_a_session_from_working(
    scene: Scene,
) -> None:
    scene.store.lock()
    scene.tools.will_open(answering("First.", "Second."))
    operator = scene.operator()

    assert "warning: session_store_unavailable" in scene.greeting(operator)
    scene.words.forget()
    assert scene.ask(operator, "one").output == "First."
    assert scene.ask(operator, "two").output == "Second."
    assert [note.split()[0] for note in scene.words.notes] == ["completed", "completed"]


def test_a_store_that_is_locked_later_is_reported_after_the_task(scene: Scene) -> None:
    scene.tools.will_open(answering("First.", "Second."))
    operator = scene.operator()
    scene.store.lock()

    scene.ask(operator, "one")
    scene.ask(operator, "two")

    assert [note.split()[0] for note in scene.words.notes] == [
        "warning:",
        "completed",
        "completed",
    ]


def test_a_selection_that_cannot_be_remembered_is_chosen_all_the_same(scene: Scene) -> None:
    operator = scene.operator()
    scene.store.lock()

    workspace = scene.notes(operator, "/workspace /other")
    mode = scene.notes(operator, "/mode lad_codex")

    for said, chosen in ((workspace, "/other"), (mode, "lad_codex")):
        *_, selection = (line for line in said.splitlines() if chosen in line)
        assert selection
        assert len(said.splitlines()) > 1
    assert selected(scene.greeting(operator)) == ("/other", "lad_codex")


def test_an_id_that_cannot_be_looked_up_is_not_called_unknown(scene: Scene) -> None:
    scene.store.register_workspace(ALPHA)
    operator = scene.operator()
    scene.store.lock()

    said = scene.notes(operator, "/workspace alpha")

    assert said.startswith("error: ")
    assert "alpha" not in said


def test_a_list_that_cannot_be_read_is_an_error(scene: Scene) -> None:
    operator = scene.operator()
    scene.store.lock()

    assert scene.notes(operator, "/workspace").startswith("error: ")


def test_the_stores_warnings_are_printed(scene: Scene) -> None:
    scene.store.pending_notices = (RunWarning(StoreUnavailable.code, "set aside as x.corrupt"),)

    operator = scene.operator()

    assert "set aside as x.corrupt" in scene.greeting(operator)
    assert "set aside" not in scene.greeting(operator)
