"""Every state of the page has its words and its next step."""

from __future__ import annotations

from copy import deepcopy

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab
from tests.browser.documents import board, control, error, item, on_board
from tests.browser.stub import Log
from tests.browser.worlds import (
    BILLING,
    BLOCKED,
    DOCS,
    DONE,
    IDEA,
    RUNNING,
    SEARCH,
    SHOP,
    WAITING,
    busy_board,
)


def _sees(page: Page, *texts: str) -> None:
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible()


def test_no_workspace(tab: Tab) -> None:
    tab.world.documents["/board"] = board()
    page = tab.open()
    _sees(page, "No workspace yet", "millracer serve --workspace path/to/workspace")
    expect(page.get_by_role("button", name="Add workspace").first).to_be_visible()


def test_never_initialised(tab: Tab) -> None:
    page = tab.open()
    _sees(page, "Millrace has not been used here yet")
    card = page.get_by_role("article").filter(has_text="infra")
    expect(card.get_by_role("button", name="New item")).to_be_visible()


def test_empty_queue(tab: Tab) -> None:
    page = tab.open(f"#/w/{SEARCH}")
    _sees(page, "The queue is empty", 'millracer submit "Fix the failing tests"')


def test_an_empty_filter_is_not_an_empty_queue(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    page.get_by_role("button", name="Blocked", exact=True).click()
    expect(page.get_by_role("link", name="Update the dependencies")).to_be_visible()
    expect(page.get_by_role("link", name="Accept gift cards")).to_have_count(0)


def test_work_waits_without_a_daemon(tab: Tab) -> None:
    page = tab.open()
    _sees(page, "1 item waits, and no daemon runs.")
    tab.world.documents["/board"]["workspaces"][0]["daemon"]["state"] = "stopped"
    tab.world.answers[f"/workspaces/{SHOP}/items/{WAITING}/watch"] = (202, {})
    tab.go(f"#/w/{SHOP}/i/{WAITING}")
    tab.world.change(SHOP)
    _sees(page, "It waits, and no daemon runs to work on it")
    with page.expect_response(f"**/items/{WAITING}/watch"):
        page.get_by_role("button", name="Run it here").click()
    assert tab.world.requests[-1][0] == f"/workspaces/{SHOP}/items/{WAITING}/watch"


def test_paused(tab: Tab) -> None:
    page = tab.open(f"#/w/{DOCS}")
    _sees(page, "Paused by operator: no new stage is started.", "millracer resume")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Stages are started again.")


def test_blocked(tab: Tab) -> None:
    page = tab.open(f"#/w/{BILLING}/i/{BLOCKED}")
    _sees(page, "Blocked: Millrace cannot continue it without help", "invalid x-api-key")
    _sees(page, "What is missing", "millracer retry")
    expect(page.get_by_role("button", name="Retry…")).to_be_visible()


def test_a_stage_runs(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    _sees(page, "Checker works on it", "Not finished: nothing is proven yet.")
    expect(page.locator(".bar-track .live")).to_have_count(1)


def test_an_attempt_was_lost_and_another_took_over(tab: Tab) -> None:
    log = tab.world.logs[f"/workspaces/{SHOP}/items/{RUNNING}"]
    log.add("attempt.lost", "attempt 1 was lost")
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    _sees(page, "Attempt 1 was lost", "Run it here to continue")
    log.add("attempt.started", "attempt 2 started", attempt=2, request_id="other")
    _sees(page, "Attempt 2 took over; no event is missing.")


def test_stuck(tab: Tab) -> None:
    log = tab.world.logs[f"/workspaces/{SHOP}/items/{RUNNING}"]
    log.add("attempt.ended", "ended: stuck", outcome="stuck", scoped_completion=False, exit_code=4)
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    _sees(page, "Stuck: it makes no progress")


def test_ended_and_proven(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}/i/{DONE}")
    _sees(page, "Completed: proven by Millrace's evidence", f"Task {DONE} is done")


def test_done_without_proof_is_never_completed(tab: Tab) -> None:
    path = f"/workspaces/{SHOP}/items/{DONE}"
    unproven = deepcopy(tab.world.documents[path])
    unproven["item"] |= {
        "scoped_completion": False,
        "missing_evidence": [
            {"needed": "a run of this task", "looked_in": "millrace runs list", "found": "none"}
        ],
    }
    tab.world.documents[path] = unproven
    page = tab.open(f"#/w/{SHOP}/i/{DONE}")
    _sees(page, "Ended, but not proven", "A run of this task", "found: none")
    expect(page.locator(".item-status")).not_to_contain_text("Completed")


def test_an_item_without_an_event_log(tab: Tab) -> None:
    path = f"/workspaces/{SHOP}/items/{RUNNING}"
    tab.world.logs[path] = Log(is_durable=False)
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    _sees(page, "This item has no event log: no run of Millracer has watched it.")


def test_a_lineage_is_a_tree_and_its_stages_are_grouped(tab: Tab) -> None:
    page = tab.open(f"#/w/{SEARCH}/i/{IDEA}")
    task = page.locator(".tree ul ul li").first
    expect(task).to_contain_text(f"idea-{IDEA}-t1")
    expect(page.locator(".bars-group")).to_have_count(3)


def test_read_only_has_no_buttons_that_change_anything(tab: Tab) -> None:
    tab.world.documents["/board"] = busy_board(read_only=True)
    page = tab.open()
    _sees(page, "Read-only")
    for route in ("#/", f"#/w/{SHOP}", f"#/w/{SHOP}/i/{RUNNING}", f"#/w/{SHOP}/models"):
        tab.go(route)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for name in ("New item", "Add workspace", "Pause", "Cancel…", "Save models", "Run it"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.keyboard.press("n")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_workspace_that_is_removed_while_it_is_shown(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    expect(page.get_by_role("heading", name="shop", level=1)).to_be_visible()
    tab.world.documents["/board"] = board()
    tab.world.change(SHOP)
    _sees(page, "This workspace is not served", "See all workspaces")


def test_an_unknown_item_says_what_to_do(tab: Tab) -> None:
    tab.expects_failed_requests = True
    page = tab.open(f"#/w/{SHOP}/i/no-such-item")
    _sees(page, "There is no such item.", "See `millracer list`.", "item_not_found")


def test_a_workspace_with_an_error_shows_it_on_the_board(tab: Tab) -> None:
    problem = error("millrace_missing", "Millrace was not found", "run `millracer setup`")
    tab.world.documents["/board"] = board(on_board("1", "broken", problem=problem))
    page = tab.open()
    _sees(page, "Millrace was not found", "run `millracer setup`")


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("done", "Done"), ("not_confirmed", "Not confirmed yet"), ("too_late", "Too late")],
)
def test_a_control_says_what_was_observed(tab: Tab, outcome: str, word: str) -> None:
    document = control("cancel", outcome, "the observed effect", item_id=RUNNING)
    status = 409 if outcome == "too_late" else 200
    answer = {"error": error(outcome, "refused"), "document": document}
    path = f"/workspaces/{SHOP}/items/{RUNNING}/cancel"
    tab.world.answers[path] = (status, answer if status == 409 else document)
    tab.expects_failed_requests = status == 409
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the item").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(word)
    expect(dialog).to_contain_text("The observed effect")


def test_texts_of_agents_are_letters_and_never_markup(tab: Tab) -> None:
    hostile = '<img src=x onerror="alert(1)"><b>bold</b>'
    path = f"/workspaces/{SHOP}/items/{RUNNING}"
    tab.world.documents[path] = item(
        RUNNING, hostile, "blocked", task=f"{hostile}\nmore", failure=hostile, detail=hostile
    )
    tab.world.logs[path].add("warning", hostile, code=hostile)
    tab.world.documents["/board"]["workspaces"][0]["running"][0]["title"] = hostile
    page = tab.open()
    _sees(page, hostile)
    tab.go(f"#/w/{SHOP}/i/{RUNNING}")
    expect(page.get_by_role("heading", name=hostile)).to_be_visible()
    expect(page.locator(".failure")).to_have_text(hostile)
    expect(page.locator(".event-message", has_text="<img")).to_be_visible()
    expect(page.locator("img, b:has-text('bold')")).to_have_count(0)


def test_frames_without_their_facts_are_events_and_nothing_more(tab: Tab) -> None:
    """An agent can write the log: it may break no view."""
    log = tab.world.logs[f"/workspaces/{SHOP}/items/{RUNNING}"]
    for event_type in ("stage.started", "stage.ended", "item.moved", "attempt.ended", "new.type"):
        log.add(event_type, "forged")
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    expect(page.locator(".event-message", has_text="forged")).to_have_count(5)
    _sees(page, "Checker works on it")


def test_a_document_that_breaks_a_view_leaves_the_rest_of_the_page(tab: Tab) -> None:
    tab.world.documents[f"/workspaces/{SHOP}/items/{RUNNING}"]["item"]["changes"] = None
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    _sees(page, "This page cannot show what it received")
    tab.go("#/")
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    tab.messages.clear()


def test_a_workspace_whose_folder_is_gone_can_be_removed_from_the_list(tab: Tab) -> None:
    tab.world.documents["/board"]["workspaces"][0]["exists"] = False
    page = tab.open()
    _sees(page, "The folder does not exist any more.")
    with page.expect_response(f"**/api/v1/workspaces/{SHOP}"):
        page.get_by_role("button", name="Remove it from the list").click()
    assert tab.world.requests[-1][0] == f"DELETE /api/v1/workspaces/{SHOP}"


def test_too_many_streams_are_not_a_server_that_is_gone(tab: Tab) -> None:
    tab.expects_failed_requests = True
    tab.world.documents["/events"] = (429, {"error": error("too_many_streams", "too many")})
    page = tab.open()
    expect(page.get_by_test_id("connection")).to_have_text("Reconnecting")
    while len(tab.world.streams) < 3:
        page.wait_for_timeout(20)
    expect(page.get_by_test_id("connection")).to_have_text("Reconnecting")
    expect(page.get_by_role("alert")).to_have_count(0)
    del tab.world.documents["/events"]
    expect(page.get_by_test_id("connection")).to_have_text("Live")
