"""The page on `millracer serve` itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from millracer.domain.work.items import ItemState
from millracer.ports import Agent
from millracer.testing.agent import ScriptedAgent
from millracer.wiring import open_event_logs
from millracer.wiring.tool_factory import PortFactory
from tests.browser.conftest import Tab
from tests.support.event_logs import news, opened
from tests.support.scenario import Scenario, Step
from tests.support.serving import LiveBackend, key_of, server_process, serving
from tests.support.workspace import make_workspace

_ITEM = "fix-it-0123456789abcdef0123"
_TOKEN = "a-token-of-the-tests-with-32-characters-or-more"


@dataclass
class Scripted:
    """A scripted Millrace with one live item, and how the server on it is started."""

    workspace: Path
    backend: LiveBackend
    tools: PortFactory
    token_file: Path

    @property
    def route(self) -> str:
        return f"#/w/{key_of(self.workspace)}/i/{_ITEM}"

    def write(self, count: int) -> None:
        with closing(opened(open_event_logs(str(self.workspace)), _ITEM)) as writer:
            for number in range(count):
                writer.append(news(f"note {number}", attempt=1))


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path / "state"))
    workspace = tmp_path / "workspace"
    (workspace / "millrace-agents").mkdir(parents=True)
    (workspace / ".millracer").mkdir()
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(_TOKEN, encoding="ascii")
    backend = LiveBackend(workspace=str(workspace))
    backend.holds(_ITEM, ItemState.QUEUED)

    def agent(*_: object) -> Agent:
        return ScriptedAgent()

    tools = PortFactory(backends=lambda *_: backend, agents=agent, logs=open_event_logs)
    return Scripted(workspace, backend, tools, token_file)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with closing(browser.new_context()) as context:
        page = context.new_page()
        messages: list[str] = []
        page.on("pageerror", lambda error: messages.append(f"{error}\n{error.stack}"))
        yield page
    assert messages == []


def test_a_server_restarted_on_its_port_costs_no_event(page: Page, scripted: Scripted) -> None:
    scripted.write(5)
    with serving(scripted.tools, scripted.workspace, token_file=scripted.token_file) as server:
        port = server.port
        page.goto(f"http://127.0.0.1:{port}/#token={_TOKEN}")
        expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
        page.evaluate("route => { location.hash = route }", scripted.route)
        expect(page.get_by_test_id("event-count")).to_have_text("6")
    scripted.write(50)
    with serving(scripted.tools, scripted.workspace, token_file=scripted.token_file, port=port):
        expect(page.get_by_test_id("event-count")).to_have_text("56")
        cells = page.locator("[data-testid=events] .event-sequence")
        assert cells.all_text_contents() == [str(number) for number in range(56)]
        expect(page.get_by_test_id("connection")).to_have_text("Live")


def test_a_page_of_another_origin_reads_and_changes_nothing(tab: Tab, scripted: Scripted) -> None:
    with serving(scripted.tools, scripted.workspace, token_file=scripted.token_file) as server:
        api = f"http://127.0.0.1:{server.port}/api/v1"
        here = f"{api}/workspaces/{key_of(scripted.workspace)}"
        tab.page.goto(f"{tab.stub.origin}/static/icon.svg")  # another origin, without a policy
        before = scripted.backend.asked if hasattr(scripted.backend, "asked") else None
        for request in (
            {"url": f"{api}/board", "mode": "cors", "token": _TOKEN, "method": "GET"},
            {"url": f"{api}/board", "mode": "cors", "token": None, "method": "GET"},
            {"url": f"{here}/pause", "mode": "cors", "token": _TOKEN, "method": "POST"},
        ):
            assert tab.page.evaluate(_FETCH, request) == "TypeError"
        simple = {"url": f"{here}/pause", "mode": "no-cors", "token": None, "method": "POST"}
        assert tab.page.evaluate(_FETCH, simple) in {"TypeError", "opaque"}
        assert before is None or before == scripted.backend.asked
        state = server.get(f"/workspaces/{key_of(scripted.workspace)}/status").json
    assert state["daemon"]["paused"] is False
    tab.messages.clear()  # the browser reports each refused request


_FETCH = """async ({ url, mode, token, method }) => {
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(url, { method, mode, headers });
    return answer.type === "opaque" ? "opaque" : await answer.text();
  } catch (error) {
    return error.name;
  }
}"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_task_from_the_page_to_its_proof(
    page: Page, tmp_path: Path, millrace_command: str, end: signal.Signals
) -> None:
    """The server is ended in the first stage; the page continues on the next one."""
    scenario = Scenario({"builder": (Step(seconds=6),)})
    workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(_TOKEN, encoding="ascii")
    arguments = (
        *("--workspace", str(workspace.root), "--token-file", str(token)),
        *("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
        *("--finalizer", "summary"),
    )
    state = tmp_path / "state"
    with server_process(*arguments, state=state) as server:
        port = server.client.port
        page.goto(f"http://127.0.0.1:{port}/#token={_TOKEN}")
        page.get_by_role("button", name="New item").first.click()
        page.get_by_role("textbox", name="Task").fill("Fix the header in app.py")
        page.get_by_role("radio", name="Task", exact=True).check()
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_role("heading", name="Builder works on it")).to_be_visible(
            timeout=60_000
        )
        server.send(end)
        server.end()
    with server_process(*arguments, "--port", str(port), state=state):
        proven = page.get_by_role("heading", name="Completed: proven by Millrace's evidence")
        if end is signal.SIGTERM:  # the item is back in the queue, and waits
            page.get_by_role("button", name="Run it here").click(timeout=60_000)
        expect(proven).to_be_visible(timeout=90_000)
        cells = page.locator("[data-testid=events] .event-sequence").all_text_contents()
        assert cells == [str(number) for number in range(len(cells))]
