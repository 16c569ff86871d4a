"""A stage's transcript is pi's event stream, else its last message, else its error output."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from millracer.domain.work.stages import StageReport
from millracer.domain.work.transcript import EntryKind, Transcript
from millracer.millrace.evidence.transcripts import read_transcript

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def message(role: str, content: object, **fields: object) -> dict[str, object]:
    return {"type": "message_end", "message": {"role": role, "content": content, **fields}}


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"type": "toolCall", "id": f"call-{name}", "name": name, "arguments": arguments}


EVENTS: tuple[object, ...] = (
    {"type": "agent_start"},
    message("user", [text("You are executing one stage.")]),
    message("assistant", [text("I look."), call("bash", command="make test\nmake lint")]),
    message("toolResult", [text("no rule")], toolCallId="call-bash", isError=True),
    message("assistant", [call("read", path="a.py"), call("odd", flags=[1, 2])]),
    {"type": "tool_execution_end", "toolName": "read"},
    message("assistant", [], errorMessage="402 no credit"),
    message("assistant", "### BUILDER_COMPLETE"),
)


def read(tmp_path: Path, **files: str | None) -> Transcript:
    for name, words in files.items():
        if words is not None:
            (tmp_path / name).write_text(words, encoding="utf-8")
    report = StageReport(
        item_id="widget",
        run_id="run-1",
        request_id="request-1",
        stage="builder",
        run_folder=".",
        started_at=NOW,
        **{name: name for name in files},
    )
    return read_transcript(tmp_path, report)


def test_messages_tool_calls_and_errors_are_read_in_order(tmp_path: Path) -> None:
    raw = "\n".join(map(json.dumps, EVENTS)) + "\nnot json\n"

    found = read(tmp_path, transcript=raw, stdout="### BUILDER_COMPLETE")

    assert found.is_complete
    assert found.raw == raw
    assert [(each.kind, each.tool, each.text, each.failed) for each in found.entries] == [
        (EntryKind.TEXT, None, "I look.", False),
        (EntryKind.TOOL, "bash", "make test\nmake lint", True),
        (EntryKind.TOOL, "read", "a.py", False),
        (EntryKind.TOOL, "odd", '{"flags": [1, 2]}', False),
        (EntryKind.ERROR, None, "402 no credit", False),
        (EntryKind.TEXT, None, "### BUILDER_COMPLETE", False),
    ]


def test_without_an_event_stream_the_last_message_is_known(tmp_path: Path) -> None:
    found = read(tmp_path, stdout="Done.\n### BUILDER_COMPLETE\n", stderr="a warning")

    assert not found.is_complete
    assert [(each.kind, each.text) for each in found.entries] == [
        (EntryKind.TEXT, "Done.\n### BUILDER_COMPLETE")
    ]


def test_a_stage_without_a_message_shows_its_error_output(tmp_path: Path) -> None:
    found = read(tmp_path, stdout=" ", stderr="no API key\n")

    assert [(each.kind, each.text) for each in found.entries] == [(EntryKind.ERROR, "no API key")]


def test_the_stream_of_another_program_is_ignored(tmp_path: Path) -> None:
    found = read(tmp_path, transcript='{"type": "item.completed"}\n', stdout="Done.")

    assert (found.is_complete, found.raw) == (False, "Done.")


def test_files_that_cannot_be_read_give_an_empty_transcript(tmp_path: Path) -> None:
    (tmp_path / "transcript").mkdir()

    assert read(tmp_path, transcript=None, stdout=None) == Transcript()
