from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.work.items import ItemState
from millracer.errors import ProtocolError
from millracer.millrace.wire.text_output import (
    AddReceipt,
    ListedRun,
    ShownItem,
    archived_at,
    is_absent,
    is_duplicate,
    is_not_initialised,
    names_item,
    parse_item,
    parse_lines,
    parse_modes,
    parse_receipt,
    parse_runs,
)
from millracer.millrace.wire.traceback import exception_line, is_broken_install

SHOWN = """\
work_item_id: plain
work_item_kind: task
work_item_state: {state}
path: /workspace/millrace-agents/tasks/queue/plain.md
title: Depends-On: other: thing
"""
MAILBOX = """\
action: add_task
mode: mailbox
applied: false
detail: queued for daemon processing
command_id: add_task-1795330346558-0e7bbf91
mailbox_path: /workspace/millrace-agents/state/mailbox/incoming/add_task-1.json
"""
ARCHIVED = "a1.20261122T162528Z.dffe721d.queue.md"


def test_the_first_of_two_equal_keys_counts_and_other_lines_are_skipped() -> None:
    text = "mode: one\n  mode: two\nno key here\nMode: three\nmode: four\nempty:\n"

    assert parse_lines(text) == {"mode": "one", "empty": ""}


def test_a_value_may_hold_colons_and_separators_that_are_not_newlines() -> None:
    assert parse_lines("title: a: b\u2028path: /forged\n") == {"title": "a: b\u2028path: /forged"}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("queue", ItemState.QUEUED),
        ("incoming", ItemState.QUEUED),
        ("active", ItemState.ACTIVE),
        ("done", ItemState.DONE),
        ("resolved", ItemState.DONE),
        ("blocked", ItemState.BLOCKED),
        ("queue_cancelled", ItemState.CANCELLED),
        ("blocked_cancelled", ItemState.CANCELLED),
        ("queue_superseded", ItemState.SUPERSEDED),
        ("blocked_superseded", ItemState.SUPERSEDED),
    ],
)
def test_each_state_millrace_names_is_understood(said: str, state: ItemState) -> None:
    expected = ShownItem(
        work_kind="task", state=state, path="/workspace/millrace-agents/tasks/queue/plain.md"
    )

    assert expected == parse_item(SHOWN.format(state=said))


@pytest.mark.parametrize("missing", ["work_item_kind", "work_item_state", "path"])
def test_an_answer_without_a_needed_line_is_a_protocol_error_with_its_raw_text(
    missing: str,
) -> None:
    lines = SHOWN.format(state="done").splitlines(keepends=True)
    raw = "".join(line for line in lines if not line.startswith(missing))

    with pytest.raises(ProtocolError, match=missing) as caught:
        parse_item(raw)
    assert caught.value.raw == raw


def test_an_unknown_state_is_a_protocol_error_and_no_guess() -> None:
    with pytest.raises(ProtocolError, match="done_later"):
        parse_item(SHOWN.format(state="done_later"))


def test_runs_are_read_block_by_block() -> None:
    text = (
        "run_id: run-1\nstatus: valid\nwork_item_kind: task\nwork_item_id: a\n"
        "run_id: run-2\nwork_item_kind: none\nwork_item_id: none\nfailure_class: none\n"
    )

    assert parse_runs(text) == (
        ListedRun(run_id="run-1", work_kind="task", item_id="a"),
        ListedRun(run_id="run-2", work_kind=None, item_id=None),
    )


def test_no_runs_are_not_blocks() -> None:
    assert parse_runs("no runs\n") == ()


@pytest.mark.parametrize("kind", ["task", "probe", "idea"])
def test_a_stored_path_is_a_receipt(kind: str) -> None:
    assert parse_receipt(f"enqueued_{kind}: /w/a b.md\n") == AddReceipt(stored_path="/w/a b.md")


def test_a_mailbox_answer_is_a_command_to_follow() -> None:
    expected = AddReceipt(mailbox_command="add_task-1795330346558-0e7bbf91")

    assert expected == parse_receipt(MAILBOX)


@pytest.mark.parametrize(
    "stdout", ["", "enqueued_task:\n", MAILBOX.replace("mailbox\n", "direct\n")]
)
def test_success_without_a_receipt_is_a_protocol_error(stdout: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_receipt(stdout)
    assert caught.value.raw == stdout


def test_the_names_of_modes_are_read_in_millraces_order_each_once() -> None:
    stdout = (
        "warning: this list will change\n"
        "lad_pi: execution_loop=execution.lad planning_loop=planning.lad\n"
        "learning_lad_pi: execution_loop=execution.lad new_key=x and words\n"
        "\n"
        "default_pi -> lad_pi (compatibility alias)\n"
        "standard_millrace -> lad_pi (compatibility alias)\n"
        "lad_pi: execution_loop=again\n"
        "3 modes\n"
    )

    assert parse_modes(stdout) == ("lad_pi", "learning_lad_pi", "default_pi", "standard_millrace")


@pytest.mark.parametrize("stdout", ["", "no modes\n", "error: no assets\n", "-> lad_pi\n"])
def test_a_list_without_a_mode_is_a_protocol_error_with_its_raw_text(stdout: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_modes(stdout)

    assert raised.value.raw == stdout


def test_a_tracebacks_error_is_found_below_its_boxes_and_joined() -> None:
    stderr = (
        "╭──── Traceback ────╮\n│ ValueError: in a box │\n╰───────────────────╯\n"
        "WorkspaceStateError: idea document already exists: \n/workspace/ideas/inbox/a.md\n"
    )

    assert exception_line(stderr) == (
        "WorkspaceStateError: idea document already exists: /workspace/ideas/inbox/a.md"
    )


def test_pydantics_pointer_to_its_documentation_is_left_out() -> None:
    stderr = (
        "pydantic_core.ValidationError: 1 validation error for TaskDocument\n"
        "risk\n  Field required\n    For further information visit https://errors.example/v\n"
    )

    assert exception_line(stderr) == (
        "pydantic_core.ValidationError: 1 validation error for TaskDocument risk Field required"
    )


def test_a_very_long_error_is_cut() -> None:
    assert len(exception_line("ValueError: " + "x" * 5000) or "") == 400


@pytest.mark.parametrize("stderr", ["", "Killed\n", "│ KeyError: 'x' │\n"])
def test_stderr_without_a_traceback_holds_no_error(stderr: str) -> None:
    assert exception_line(stderr) is None


@pytest.mark.parametrize(
    ("stderr", "broken"),
    [
        (
            "Traceback:\nModuleNotFoundError: No module named 'click'\n",
            True,
        ),
        ("ImportError: cannot import name 'x' from 'typer'\n", True),
        ("QueueStateError: task ImportError: already exists\n", False),
        ("", False),
    ],
)
def test_a_missing_module_is_a_broken_install(stderr: str, broken: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_broken_install(stderr) is broken


def test_words_of_refusal_are_distinguished() -> None:
    absent = "error: work item not found: zz\n"
    bare = "error: workspace is not initialized: /w. Run `millrace init --workspace /w` first.\n"

    assert (is_absent(absent), is_absent(bare)) == (True, False)
    assert (is_not_initialised(bare), is_not_initialised(absent)) == (True, False)
    assert is_duplicate("QueueStateError: task c3 already exists")
    assert not is_duplicate("failed to add task: bad.md must start with a markdown H1 title")


@pytest.mark.parametrize(
    ("path", "item_id", "named"),
    [
        ("/w/tasks/queue/a.md", "a", True),
        ("/w/tasks/queue/a.b.md", "a", False),
        ("/w/tasks/queue/a.b.md", "a.b", True),
        ("/w/tasks/queue/b.md", "a", False),
        (f"/w/tasks/queue/cancelled/{ARCHIVED}", "a1", True),
        (f"/w/tasks/queue/cancelled/x.{ARCHIVED}", "x", False),
        (f"/w/tasks/queue/cancelled/x.{ARCHIVED}", "x.a1", True),
        (f"/w/tasks/queue/{ARCHIVED}", "a1", False),
    ],
)
def test_an_answer_about_another_items_file_is_noticed(
    path: str,
    item_id: str,
    named: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert names_item(path, item_id) is named


def test_archived_files_carry_their_time() -> None:
    assert archived_at(ARCHIVED) == "20261122T162528Z"
    assert archived_at("a1.md") == ""


@given(st.text())
def test_no_text_crashes_the_readers(text: str) -> None:
    parse_runs(text)
    exception_line(text)
    is_broken_install(text)
    for read in (parse_item, parse_modes, parse_receipt):
        with suppress(ProtocolError):
            read(text)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.text("ab: ")))
def test_what_millrace_prints_as_lines_is_read_back(lines: dict[str, str]) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())

    assert parse_lines(text) == {key: value.strip() for key, value in lines.items()}
