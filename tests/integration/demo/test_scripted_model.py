import http.client
import json
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from millracer.demo.scripted_model import (
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)


@contextmanager
def _asked(
    model: ScriptedModel, body: object, path: str = "/chat/completions"
) -> Iterator[http.client.HTTPResponse]:
    address = urlsplit(model.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    try:
        connection.request("POST", address.path + path, json.dumps(body))
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def _body(*messages: object, **more: object) -> dict[str, object]:
    return {"model": "scripted-model", "stream": True, "messages": messages, **more}


def _user(text: str) -> dict[str, object]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _chunks(model: ScriptedModel, body: object) -> list[dict]:
    with _asked(model, body) as response:
        lines = response.read().decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_text_arrives_in_chunks_and_ends_with_its_finish_reason() -> None:
    with ScriptedModel(
        lambda _: Reply.text("héllo", finish_reason="length", chunk_size=2)
    ) as model:
        chunks = _chunks(model, _body(_user("hi")))
    pieces = [choice["delta"].get("content", "") for each in chunks for choice in each["choices"]]

    assert pieces == ["", "hé", "ll", "o", ""]
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["total_tokens"] == 12


def test_a_tool_call_carries_its_arguments_as_json() -> None:
    with ScriptedModel(lambda _: Reply.tool_call("bash", {"command": "ls"}, text="so")) as model:
        chunks = _chunks(model, _body(_user("hi")))
    deltas = [choice["delta"] for each in chunks for choice in each["choices"]]
    calls = [call["function"] for delta in deltas for call in delta.get("tool_calls", ())]

    assert [call["name"] for call in calls] == ["bash"]
    assert json.loads(calls[0]["arguments"]) == {"command": "ls"}
    assert "so" in [delta.get("content") for delta in deltas]


def test_a_request_holds_the_last_question_and_only_the_tool_results_after_it() -> None:
    body = _body(
        {"role": "system", "content": "rules"},
        _user("first"),
        {"role": "tool", "content": "old"},
        _user("second"),
        {"role": "assistant", "content": None},
        {"role": "tool", "content": [{"type": "text", "text": "new"}]},
        tools=[{"type": "function", "function": {"name": "bash"}}],
    )
    with ScriptedModel(lambda _: Reply.text("ok")) as model:
        _chunks(model, body)
        (request,) = model.requests

    assert request.last_user_text == "second"
    assert request.tool_results == ("new",)
    assert request.system_text == "rules"
    assert request.tools == ("bash",)


def test_an_error_has_the_requested_status_and_text() -> None:
    with (
        ScriptedModel(lambda _: Reply.error(429, "slow down")) as model,
        _asked(model, _body(_user("hi"))) as response,
    ):
        assert response.status == 429
        assert json.load(response)["error"]["message"] == "slow down"


def test_a_dropped_answer_breaks_off_after_its_text() -> None:
    with (
        ScriptedModel(lambda _: Reply.drop_after("part")) as model,
        _asked(model, _body(_user("hi"))) as response,
    ):
        text = response.read().decode()

    assert "part" in text
    assert "[DONE]" not in text
    assert '"finish_reason": "stop"' not in text


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let what is opened from now on have a number above 1,024."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, limits[1]))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("many_files")
def test_an_answer_that_hangs_does_so_beside_many_open_files() -> None:
    model = ScriptedModel(lambda _: Reply.hang("waiting"))

    with model, _asked(model, _body(_user("hi"))) as response:
        while b"waiting" not in response.fp.readline():
            pass
        response.fp.readline()
        response.fp.raw._sock.settimeout(1)
        with pytest.raises(TimeoutError):
            response.fp.readline()


def test_closing_the_model_ends_an_answer_that_hangs() -> None:
    received: list[bytes] = []
    model = ScriptedModel(lambda _: Reply.hang("waiting"))

    def ask() -> None:
        with _asked(model, _body(_user("hi"))) as response:
            received.append(response.fp.readline())
            started.set()
            received.append(response.read())

    started = threading.Event()
    client = threading.Thread(target=ask)
    with model:
        client.start()
        assert started.wait(20)
    client.join(20)

    assert not client.is_alive()
    assert b"waiting" in b"".join(received)
    assert b"[DONE]" not in b"".join(received)


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        ({"messages": [], "stream": False}, "/chat/completions", 400),
        (["no", "object"], "/chat/completions", 400),
        (_body(_user("hi")), "/embeddings", 404),
    ],
)
def test_what_it_does_not_serve_is_refused_and_not_put_to_the_responder(
    body: object, path: str, status: int
) -> None:
    with (
        ScriptedModel(lambda _: Reply.text("never")) as model,
        _asked(model, body, path) as response,
    ):
        assert response.status == status
        assert model.requests == ()


def test_a_responder_that_raises_answers_500_and_fails_the_block() -> None:
    def responder(_: ModelRequest) -> Reply:
        raise LookupError("out of script")

    statuses: list[int] = []
    with (
        pytest.raises(LookupError, match="out of script"),
        ScriptedModel(responder) as model,
        _asked(model, _body(_user("hi"))) as response,
    ):
        statuses.append(response.status)

    assert statuses == [500]


def test_the_agent_directory_names_the_model_and_the_environment_closes_the_network(
    tmp_path: Path,
) -> None:
    write_agent_directory(tmp_path / "agent", "http://127.0.0.1:1/v1")
    models = json.loads((tmp_path / "agent" / "models.json").read_text(encoding="utf-8"))
    environment = agent_environment(tmp_path / "agent", tmp_path)

    assert models["providers"]["scripted"]["baseUrl"] == "http://127.0.0.1:1/v1"
    assert environment["PI_CODING_AGENT_DIR"] == str(tmp_path / "agent")
    assert environment["PI_OFFLINE"] == "1"
    assert {environment[name] for name in ("HTTPS_PROXY", "https_proxy")} == {""}
