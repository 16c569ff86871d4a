"""What a person does on the page, by mouse and by keyboard alone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Tab
from tests.browser.documents import Document, error
from tests.browser.stub import Answer
from tests.browser.worlds import DONE, RUNNING, SHOP, WAITING


def test_cancel_by_keyboard_alone(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    expect(page.get_by_role("link", name="Round discounts")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Round discounts", level=1)).to_be_visible()
    page.get_by_role("button", name="Cancel…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    expect(dialog).to_contain_text("Stop the daemon first")  # a stage works on the item
    page.keyboard.type("not needed any more")
    tab.world.delays[f"/workspaces/{SHOP}/items/{RUNNING}/cancel"] = 0.3
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Waiting for Millrace…")).to_be_disabled()
    expect(dialog).to_contain_text("Millrace cancelled the item")
    path, body, _ = tab.world.requests[-1]
    assert path == f"/workspaces/{SHOP}/items/{RUNNING}/cancel"
    assert body == {"reason": "not needed any more"}
    expect(dialog.get_by_role("button", name="Close").last).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel…")).to_be_focused()


def test_submit_with_the_keyboard_opens_the_item(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    expect(page.get_by_role("heading", name="shop", level=1)).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_role("textbox", name="Task")).to_be_focused()
    page.keyboard.type("Show the tax per line")
    page.get_by_role("radio", name="Idea").check()
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Request id").fill("ticket-30")
    page.get_by_label("Model of the stages").fill("anthropic/claude-opus-5:high")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Show the tax per line", level=1)).to_be_visible()
    assert page.url.endswith(f"#/w/{SHOP}/i/{WAITING}")
    path, body, _ = tab.world.requests[-1]
    assert path == f"/workspaces/{SHOP}/items"
    assert body == {
        "task": "Show the tax per line",
        "intake": "idea",
        "request_id": "ticket-30",
        "run": True,
        "options": {"stage_model": "anthropic/claude-opus-5:high"},
    }


def test_a_repeated_submission_has_the_same_request_id_and_the_next_one_another(tab: Tab) -> None:
    tab.expects_failed_requests = True
    problem = error("millrace_failed", "Millrace did not answer", "try again")
    answers: list[Answer] = [(503, {"error": problem, "document": None})] * 2
    accepted = tab.world.answers[f"/workspaces/{SHOP}/items"]
    assert isinstance(accepted, tuple)
    answers += [accepted] * 2

    def answer(_: Document) -> Answer:
        return answers.pop(0)

    tab.world.answers[f"/workspaces/{SHOP}/items"] = answer
    page = tab.open(f"#/w/{SHOP}")
    page.get_by_role("button", name="New item").click()
    page.get_by_role("textbox", name="Task").fill("Show the tax")
    submit = page.get_by_role("button", name="Submit")
    submit.click()
    expect(page.get_by_role("alert")).to_contain_text("Millrace did not answer")
    submit.click()
    expect(submit).to_be_enabled()
    while len(tab.world.requests) < 2:
        page.wait_for_timeout(20)
    submit.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="New item").first.click()
    page.get_by_role("textbox", name="Task").fill("Show the tax")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    first, again, then, following = (body["request_id"] for _, body, _ in tab.world.requests)
    assert first == again == then != following


def test_a_closed_submission_keeps_its_text(tab: Tab) -> None:
    page = tab.open()
    page.get_by_role("button", name="New item").first.click()
    page.get_by_role("textbox", name="Task").fill("half a thought")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="New item").first.click()
    expect(page.get_by_role("textbox", name="Task")).to_have_value("half a thought")


def test_keys_reach_every_section_and_escape_goes_up(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}/i/{DONE}")
    expect(page.get_by_role("heading", name="Fix the discount", level=1)).to_be_visible()
    for key, section in (("t", "stages"), ("d", "changes"), ("l", "logs"), ("e", "events")):
        expect(page.locator(f"#{section}")).to_be_visible()
        page.keyboard.press(key)
        expect(page.locator(f"#{section}")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next item")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="shop", level=1)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()


def test_j_and_k_move_between_items(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    rows = page.locator("[data-row]")
    expect(rows.first).to_be_visible()
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()


def test_the_skip_link_leads_to_the_content(tab: Tab) -> None:
    page = tab.open()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_more_items_are_loaded_page_by_page(tab: Tab) -> None:
    path = f"/workspaces/{SHOP}/items"
    first = tab.world.documents[path]
    rest = {**first, "items": [first["items"][-1] | {"work_item_id": "one-more"}]}
    tab.world.documents[path] = first | {"next": "cursor-1", "total": 11}
    tab.world.documents[f"{path}?limit=50&before=cursor-1"] = rest
    page = tab.open(f"#/w/{SHOP}")
    expect(page.get_by_text("11 items")).to_be_visible()
    page.get_by_role("button", name="Show 50 more").click()
    expect(page.locator("[data-row]")).to_have_count(11)
    expect(page.get_by_role("button", name="Show 50 more")).to_have_count(0)


def test_models_are_saved_for_each_alias(tab: Tab) -> None:
    path = f"/workspaces/{SHOP}/models"
    changed = [{"alias": "deep", "model": "x/y", "thinking": "high", "origin": "workspace"}]
    tab.world.answers[path] = (200, {**tab.world.documents[path], "changed": changed})
    page = tab.open(f"#/w/{SHOP}/models")
    page.get_by_label("New model of deep").fill("x/y:high")
    page.get_by_role("button", name="Save models").click()
    expect(page.get_by_text("Changed: deep is x/y.")).to_be_visible()
    assert tab.world.requests[-1][1] == {"choices": ["deep=x/y:high"], "follow_pi": False}


def test_an_unset_filter_and_states_reach_the_server_as_the_api_takes_them(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    with page.expect_request("**/items?**state=queued&state=mailbox&state=inbox**"):
        page.get_by_role("button", name="Waiting", exact=True).click()


def test_the_diff_is_coloured_and_folds_by_file(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}/i/{DONE}")
    file = page.locator("details.file").first
    expect(file.locator("tr.line-add")).to_have_count(7)
    expect(file.locator("tr.line-del")).to_have_count(2)
    file.locator("summary").click()
    expect(file.locator("tr.line-add")).to_have_count(0)


def test_tool_calls_fold_and_the_text_of_each_stage_is_shown(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}/i/{DONE}")
    log = page.get_by_role("region", name="Transcript of updater")
    expect(log).to_contain_text("All 6 tests pass.")
    call = log.locator("details.tool")
    expect(call.locator("pre")).not_to_be_visible()
    call.locator("summary").click()
    expect(call.locator("pre")).to_contain_text("from shop.pricing import discounted")
    page.get_by_role("group", name="Stages").get_by_role("button", name="builder").click()
    expect(page.get_by_role("region", name="Transcript of builder")).to_be_visible()
