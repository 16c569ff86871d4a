"""The client on the real pi, its model scripted: what the contract of pi promises, seen happen."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.demo.scripted_model import ModelRequest, Reply, ScriptedModel
from millracer.errors import ToolFailed, ToolTimeout
from millracer.pi.install import Version
from millracer.pi.rpc import RpcPi
from millracer.run.notifier import Notifier
from tests.support.real_pi import (
    ScriptedReplies,
    asks_again_when_cut_off,
    real_pi,
    real_print_pi,
    requests_of_a_try,
)
from tests.unit.domain.run.test_notification import UPDATED


@pytest.fixture
def replies() -> ScriptedReplies:
    return ScriptedReplies()


@pytest.fixture
def conversation(
    pi_command: str, tmp_path: Path, replies: ScriptedReplies
) -> Iterator[tuple[RpcPi, ScriptedModel]]:
    with real_pi(pi_command, tmp_path, replies) as opened:
        yield opened


def soon() -> Wait:
    return Wait.for_seconds(60)


def code_of(pi: RpcPi, prompt: str) -> str:
    with pytest.raises(ToolFailed) as caught:
        pi.ask(prompt, soon())
    return caught.value.code


@pytest.mark.corner
@pytest.mark.ending
def test_prompts_share_one_process_and_reach_the_model_as_written(
    conversation: tuple[RpcPi, ScriptedModel], replies: ScriptedReplies
) -> None:
    pi, model = conversation
    prompts = ["hello", "-x --help", "@file", "a\u2028b\n\n c", "/compact now", "/skill:any thing"]
    replies.will(*(Reply.text(f"answer {number}") for number in range(len(prompts))))

    answers = [pi.ask(prompt, soon()) for prompt in prompts]

    assert answers == [f"answer {number}" for number in range(len(prompts))]
    assert [request.last_user_text for request in model.requests] == [
        *prompts[:4],
        "\n/compact now",
        "\n/skill:any thing",
    ]
    children = psutil.Process().children()
    assert len([each for each in children if each.status() != psutil.STATUS_ZOMBIE]) == 1


@pytest.mark.corner
@pytest.mark.ending
def test_a_failure_is_never_covered_by_an_earlier_answer(
    conversation: tuple[RpcPi, ScriptedModel], replies: ScriptedReplies, pi_version: Version
) -> None:
    pi, _ = conversation
    replies.will(Reply.text("EARLIER ANSWER"))
    replies.will(*[Reply.error(500, "overloaded")] * (requests_of_a_try(pi_version) + 1))
    replies.will(Reply.text("RIGHT ANSWER"))
    replies.will(Reply.error(400, "bad request"), Reply.error(401, "who are you"))
    replies.will(Reply.text(""), Reply.text("cut", finish_reason="length"))
    replies.will(Reply.text("fine again"))

    assert pi.ask("one", soon()) == "EARLIER ANSWER"
    assert pi.ask("two", soon()) == "RIGHT ANSWER"
    with pytest.raises(ToolFailed, match=r"400:? bad request") as caught:
        pi.ask("three", soon())
    assert caught.value.code == "pi_model_error"
    with pytest.raises(ToolFailed, match=r"401:? who are you") as caught:
        pi.ask("four", soon())
    assert "/login" in (caught.value.suggested_action or "")
    assert code_of(pi, "five") == "pi_answer_empty"
    assert code_of(pi, "six") == "pi_answer_truncated"
    assert pi.ask("seven", soon()) == "fine again"


def test_a_cut_connection_is_retried_where_pi_can_detect_it(
    conversation: tuple[RpcPi, ScriptedModel], replies: ScriptedReplies, pi_version: Version
) -> None:
    pi, model = conversation
    replies.will(Reply.drop_after(""), Reply.text("after the cut"), Reply.text("fine again"))

    if asks_again_when_cut_off(pi_version):
        assert pi.ask("one", soon()) == "after the cut"
        assert len(model.requests) == 2
    else:
        assert code_of(pi, "one") == "pi_answer_empty"
        assert pi.ask("two", soon()) == "after the cut"
    assert pi.ask("three", soon()) == "fine again"


@pytest.mark.slow
def test_a_model_that_stays_broken_is_reported_in_its_own_words(
    conversation: tuple[RpcPi, ScriptedModel], replies: ScriptedReplies
) -> None:
    pi, _ = conversation
    replies.will(*[Reply.error(500, "overloaded")] * 9)

    with pytest.raises(ToolFailed, match=r"500:? overloaded"):
        pi.ask("one", soon())


@pytest.mark.slow
def test_pi_sleeping_before_a_retry_can_be_aborted(
    conversation: tuple[RpcPi, ScriptedModel],
    replies: ScriptedReplies,
    tmp_path: Path,
    pi_version: Version,
) -> None:
    pi, _ = conversation
    settings = tmp_path / "agent" / "settings.json"
    changed = {
        **json.loads(settings.read_text()),
        "retry": {"enabled": True, "baseDelayMs": 60_000},
    }
    settings.write_text(json.dumps(changed))
    replies.will(*[Reply.error(500, "overloaded")] * requests_of_a_try(pi_version))
    replies.will(Reply.text("fine again"))
    pi.begin()

    with pytest.raises(ToolTimeout):
        pi.ask("one", Wait.for_seconds(6))

    assert pi.ask("two", soon()) == "fine again"
    assert pi.notices == ()


@pytest.mark.corner
@pytest.mark.ending
def test_tools_run_stop_with_their_turn_and_leave_nothing_after_close(
    conversation: tuple[RpcPi, ScriptedModel], replies: ScriptedReplies, tmp_path: Path
) -> None:
    pi, model = conversation
    script = "setsid sleep 300 & echo $! > escaped; echo $$ > running; sleep 300"
    replies.will(Reply.tool_call("bash", {"command": "echo from a tool"}, text="looking"))
    replies.will(Reply.text("it said so"))
    replies.will(Reply.tool_call("bash", {"command": script}), Reply.text("usable"))

    assert pi.ask("one", soon()) == "it said so"
    assert "from a tool" in model.requests[1].tool_results[0]
    with pytest.raises(ToolTimeout):
        pi.ask("two", Wait.for_seconds(3))
    assert pi.ask("three", soon()) == "usable"
    escaped, running = (
        int((tmp_path / "work" / name).read_text()) for name in ("escaped", "running")
    )
    assert psutil.pid_exists(escaped), "the tool did start something of its own"
    assert not lives(running)

    pi.close(Wait.for_seconds(20))

    assert not lives(escaped)


def test_closing_in_the_middle_of_a_tool_leaves_nothing(
    conversation: tuple[RpcPi, ScriptedModel], replies: ScriptedReplies, tmp_path: Path
) -> None:
    pi, _ = conversation
    replies.will(Reply.tool_call("bash", {"command": "echo $$ > new; mv new pid; sleep 300"}))
    pid_file = tmp_path / "work" / "pid"

    def close() -> None:
        limit = soon()
        while not pid_file.exists() and not limit.expired:
            limit.sleep(0.05)
        pi.close(Wait.for_seconds(20))

    closing = threading.Thread(target=close)
    closing.start()
    try:
        with pytest.raises(ToolFailed, match="closed"):
            pi.ask("one", soon())
    finally:
        closing.join()

    assert not lives(int(pid_file.read_text()))


def test_a_pi_without_credentials_says_what_to_do(pi_command: str, tmp_path: Path) -> None:
    agent = tmp_path / "bare"
    agent.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    env = {**kept, "PI_CODING_AGENT_DIR": str(agent), "PI_OFFLINE": "1"}

    with (
        real_pi(pi_command, tmp_path, unasked, env=env, provider=None, model=None) as (pi, _),
        pytest.raises(ToolFailed, match="No API key found") as caught,
    ):
        pi.ask("one", soon())

    assert caught.value.code == "pi_no_credentials"
    assert "/login" in (caught.value.suggested_action or "")


def test_an_unknown_provider_is_reported_in_pis_words(pi_command: str, tmp_path: Path) -> None:
    with real_pi(pi_command, tmp_path, unasked, provider="nobody") as (pi, _):
        assert code_of(pi, "one") == "pi_unknown_provider"


@pytest.mark.slow
def test_an_unknown_model_is_a_notice(
    pi_command: str, tmp_path: Path, replies: ScriptedReplies
) -> None:
    replies.will(Reply.text("answer"))

    with real_pi(pi_command, tmp_path, replies, model="misspelt") as (pi, _):
        assert pi.ask("one", soon()) == "answer"
        notices = [str(notice) for notice in pi.notices]

    assert any("misspelt" in notice and "not found" in notice for notice in notices)


@pytest.mark.slow
def test_a_skill_reaches_the_model(
    pi_command: str, tmp_path: Path, replies: ScriptedReplies
) -> None:
    skill = tmp_path / "weaving"
    skill.mkdir()
    (skill / "SKILL.md").write_text("---\nname: weaving\ndescription: how to weave\n---\nWeave.\n")
    replies.will(Reply.text("answer"))

    with real_pi(pi_command, tmp_path, replies, skills=(skill,)) as (pi, model):
        pi.ask("one", soon())

        assert "how to weave" in model.requests[0].system_text


@pytest.mark.corner
def test_with_a_process_per_turn_every_prompt_arrives_and_every_failure_is_reported(
    pi_command: str, tmp_path: Path, replies: ScriptedReplies
) -> None:
    large, whole = "-x " + "p" * 300_000, "w" * 1_000_000
    replies.will(Reply.text("command kept"), Reply.text(whole, chunk_size=50_000))
    replies.will(Reply.text(""), Reply.error(401, "who are you"))

    with real_print_pi(pi_command, tmp_path, replies) as (pi, model):
        assert pi.ask("/skill:any @thing", soon()) == "command kept"
        assert pi.ask(large, soon()) == whole
        with pytest.raises(ToolFailed) as empty:
            pi.ask("@file", soon())
        with pytest.raises(ToolFailed, match=r"401:? who are you") as refused:
            pi.ask("four", soon())

    assert empty.value.code == "pi_answer_empty"
    assert "/login" in (refused.value.suggested_action or "")
    assert model.requests[0].last_user_text.endswith("\n/skill:any @thing")
    assert [request.last_user_text for request in model.requests] == [
        model.requests[0].last_user_text,
        large,
        "@file",
        "four",
    ]


@pytest.mark.slow
def test_with_a_process_a_turn_the_end_of_time_ends_the_tools_too(
    pi_command: str, tmp_path: Path
) -> None:
    script = "setsid sleep 300 & echo $! > escaped; echo $$ > running; sleep 300"

    def respond(request: ModelRequest) -> Reply:
        # A pi whose tool is ended a moment before itself may ask what to make of that.
        if request.last_user_text == "one":
            return Reply.tool_call("bash", {"command": script})
        return Reply.text("usable")

    with real_print_pi(pi_command, tmp_path, respond) as (pi, _):
        with pytest.raises(ToolTimeout):
            pi.ask("one", Wait.for_seconds(15))
        tools = [int((tmp_path / "work" / name).read_text()) for name in ("escaped", "running")]

        assert not any(lives(tool) for tool in tools)
        assert pi.ask("two", soon()) == "usable"


def test_pi_hears_of_a_stage_in_its_conversation_and_is_free_as_soon_as_the_watch_is_over(
    pi_command: str, tmp_path: Path
) -> None:
    asked = threading.Event()

    def respond(request: ModelRequest) -> Reply:
        if "second" in request.last_user_text:
            asked.set()
            return Reply.hang()
        return Reply.text("noted")

    with real_pi(pi_command, tmp_path, respond) as (pi, model):
        notifier = Notifier(pi)
        notifier.start()
        for run_id in ("first", "second", "third"):
            notifier.post(replace(UPDATED, run_id=run_id, item_id=run_id))
        assert asked.wait(60)

        assert notifier.finish(soon())
        assert pi.ask("What did you hear?", soon()) == "noted"
        notes = notifier.drain()
        heard = json.dumps(model.requests[-1].messages)

    assert len(notes) == 3
    assert "first" in heard
    assert "third" not in heard
    assert pi.notices == ()


def unasked(request: ModelRequest) -> Reply:
    raise AssertionError(f"the model was asked: {request.last_user_text!r}")


def lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
