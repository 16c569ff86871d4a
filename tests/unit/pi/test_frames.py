from __future__ import annotations

import json

import pytest

from millracer.errors import ProtocolError
from millracer.pi import frames


def parse(document: object) -> frames.Frame | None:
    return frames.parse_frame(json.dumps(document).encode())


def test_unknown_fields_types_and_roles_pass() -> None:
    assert frames.OtherFrame(type="entry_appended") == parse(
        {"type": "entry_appended", "entry": {}}
    )
    assert frames.AgentEnd(will_retry=True) == parse(
        {"type": "agent_end", "willRetry": True, "messages": [], "news": 1}
    )
    assert frames.MessageEnd(message=frames.OtherMessage(role="system")) == parse(
        {"type": "message_end", "message": {"role": "system", "content": {"any": "thing"}}}
    )


def test_reasoning_and_tool_calls_are_not_part_of_the_text() -> None:
    frame = parse(
        {
            "type": "message_end",
            "message": {
                "role": "assistant",
                "stopReason": "stop",
                "content": [
                    {"type": "thinking", "thinking": "hm", "text": "not this"},
                    {"type": "text", "text": "one "},
                    {"type": "toolCall", "name": "bash", "arguments": {}},
                    {"type": "text", "text": "two"},
                ],
            },
        }
    )

    assert isinstance(frame, frames.MessageEnd)
    assert isinstance(frame.message, frames.AssistantMessage)
    assert frame.message.text == "one two"


REST = {"isStreaming": False, "isCompacting": False, "pendingMessageCount": 0}


def state(**changes: object) -> frames.StateData:
    data = {**REST, **changes}
    frame = parse({"type": "response", "command": "get_state", "success": True, "data": data})
    assert isinstance(frame, frames.StateResponse)
    return frame.data


def test_pi_is_idle_only_when_nothing_runs_or_waits() -> None:
    assert state().is_idle
    assert not state(isStreaming=True).is_idle
    assert not state(isCompacting=True).is_idle
    assert not state(pendingMessageCount=1).is_idle


@pytest.mark.parametrize(
    "document",
    [
        {"type": "message_end"},
        {"type": "message_end", "message": {"role": "assistant", "content": []}},
        {"type": "response", "id": "p"},
        {"type": "auto_retry_end"},
        {"type": "extension_ui_request", "method": "select"},
        {"type": "response", "command": "get_state", "success": True, "data": {}},
    ],
)
def test_a_known_frame_without_a_required_field_is_an_error_with_its_raw_text(
    document: dict[str, object],
) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(document)

    assert caught.value.raw == json.dumps(document)


@pytest.mark.parametrize("line", [b"", b"42", b"null", b"[]", b"{}", b'{"type":7}', b"\xff", b"{"])
def test_an_unreadable_frame_is_none(line: bytes) -> None:
    assert frames.parse_frame(line) is None


def test_a_command_is_one_line_whatever_its_text() -> None:
    prompt = "two\nlines \u2028 and \ud83d half"

    line = frames.render_command(frames.PromptRequest(id="p1", message=prompt))

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"type": "prompt", "id": "p1", "message": prompt}
