"""The commands on a fleet, as a caller meets them: output, documents and exit codes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from millracer import Client
from millracer.domain.fleet.items import ItemFilter
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.schemas.names import SchemaName
from tests.integration.fleet_commands.conftest import FleetCaller
from tests.support.cli import wait_until
from tests.support.ops_cli import OpsCaller, Printed, request
from tests.support.ops_world import assert_published

_SCHEMAS = {
    "submit": SchemaName.FLEET_SUBMIT_RESULT,
    "ps": SchemaName.FLEET_LIST_RESULT,
    "show": SchemaName.FLEET_ITEM_RESULT,
    "wait": SchemaName.FLEET_WAIT_RESULT,
    "hosts": SchemaName.FLEET_HOSTS_RESULT,
    "workspaces": SchemaName.FLEET_WORKSPACES_RESULT,
    "schedule": SchemaName.FLEET_SCHEDULES_RESULT,
}


def schema_of(words: tuple[str, ...]) -> SchemaName:
    if words[:2] == ("workspaces", "forget"):
        return SchemaName.FLEET_CONTROL_RESULT
    return _SCHEMAS.get(words[0], SchemaName.FLEET_CONTROL_RESULT)


def published(printed: Printed, *words: str) -> Printed:
    assert_published(schema_of(words), printed.document)
    return printed


# --- submit, wait and show ------------------------------------------------------------------------


def test_a_submitted_item_is_awaited_and_shown(called: FleetCaller) -> None:
    printed = called.run("submit", "shop", "Fix", "the header", "--key", "ticket-12")
    item_id = printed.stdout.strip()
    assert (printed.exit_code, printed.stdout) == (0, f"{item_id}\n")
    assert item_id.startswith("ticket-12-")
    assert "queued: next" in printed.stderr
    again = called.run("submit", "shop", "Fix the header", "--key", "ticket-12")
    assert (again.exit_code, again.stdout) == (0, printed.stdout)
    assert "known: queued" in again.stderr

    lease = called.host.run_next()
    called.host.store.report_progress(lease, "checker", "the checker runs", 7)
    table = called.run("ps").stdout
    assert item_id in table
    assert "running: checker" in table
    with called.caller.start("fleet", "wait", item_id, "--timeout", "60") as waiting:
        with called.caller.start("fleet", "show", item_id, "--follow", "--json") as following:
            called.end(lease)
            shown = following.finish()
        waited = waiting.finish()

    assert (waited.exit_code, waited.stdout) == (0, f"{item_id} completed\n")
    assert "ended as completed" in waited.stderr
    assert published(shown, "show").exit_code == 0
    assert shown.document["certificate"]["fleet"]["epoch"] == lease.epoch
    assert shown.document["request"]["input"]["text"] == "Fix the header"
    unsigned = called.run("show", item_id, "--certificate")
    assert (unsigned.exit_code, unsigned.stdout) == (8, "")
    assert "millracer keys new" in unsigned.stderr
    assert "Fix the header" in called.run("show", item_id[:10]).stdout


def test_a_list_that_a_limit_cuts_says_so(called: FleetCaller) -> None:
    words = ("submit", "shop", "Fix it", "--key")
    ids = [called.run(*words, key).stdout.strip() for key in ("1", "2", "3")]
    cut = called.run("ps", "--limit", "2").stdout.splitlines()
    document = published(called.run("ps", "--limit", "2", "--json"), "ps").document

    assert (len(cut), cut[-1]) == (4, "the first 2 of 3; `--limit` lists more")
    assert (len(document["items"]), document["total"]) == (2, 3)
    newest = called.run("ps", "--newest", "--limit", "1", "--json").document
    assert [each["work_item_id"] for each in newest["items"]] == ids[2:]


def test_an_awaited_submission_has_the_exit_code_of_its_outcome(called: FleetCaller) -> None:
    with called.caller.start("fleet", "submit", "shop", "--wait", "--json", "Fix it") as submitting:
        wait_until(lambda: called.scene.claim_next("a") is not None, "the item is claimed")
        (item,) = called.scene.as_owner().list_items(_open()).items
        called.end(called.host.take(item.item_id), completed=False)
        printed = submitting.finish()

    assert published(printed, "submit").exit_code == 8
    assert printed.document["item"]["outcome"] == "failed"


def test_the_error_of_a_failed_run_is_shown_with_its_remedy(called: FleetCaller) -> None:
    words = ("fleet", "submit", "shop", "--wait", "--key", "lost", "Fix it")
    error = {"code": "agent_not_found", "message": "no pi", "suggested_action": "install it"}
    with called.caller.start(*words) as submitting:
        wait_until(lambda: called.scene.claim_next("a") is not None, "the item is claimed")
        (item,) = called.scene.as_owner().list_items(_open()).items
        called.end(called.host.take(item.item_id), completed=False, errors=[error])
        submitted = submitting.finish()
    waited = called.run("wait", item.item_id)
    shown = called.run("show", item.item_id)

    assert "ended as failed: no pi\n" in submitted.stderr
    assert f"millracer fleet show {item.item_id}" in submitted.stderr
    assert f"{item.item_id} is not completed" in waited.stderr
    assert "error      no pi\nremedy     on a: install it\n" in shown.stdout
    assert {each.exit_code for each in (submitted, waited, shown)} == {8}
    assert "--certificate" not in shown.stderr


def test_an_interrupted_wait_leaves_the_item_and_prints_its_id(called: FleetCaller) -> None:
    words = ("fleet", "submit", "shop", "--wait", "--json", "Fix it")
    with called.caller.start(*words) as submitting:
        wait_until(
            lambda: called.scene.as_owner().list_items(_open()).total == 1, "the item is stored"
        )
        submitting.send(signal.SIGINT)
        printed = submitting.finish()

    assert printed.exit_code == 130
    assert published(printed, "submit").document["item"]["state"] == "queued"


def test_the_options_of_a_run_travel_with_the_task(called: FleetCaller) -> None:
    item_id = called.submit(
        "shop", "--finalizer", "summary", "--max-tokens", "7", "--check", "make test", "Fix it"
    )
    detail = called.scene.as_owner().find_item(item_id)
    assert detail is not None
    assert detail.request["options"] == {
        "checks": [["make", "test"]],
        "max_tokens": 7,
        "finalizer": "summary",
    }


def test_a_task_is_read_from_standard_input_for_a_label(called: FleetCaller) -> None:
    printed = called.run(
        *("submit", "--label", "python", "--priority", "3", "--at", "2h", "--json"),
        stdin=b"Fix it\n",
    )
    item = published(printed, "submit").document["item"]
    assert (item["label"], item["priority"], item["reason"]) == ("python", 3, "not_before")


def test_a_scope_of_a_request_is_kept(called: FleetCaller) -> None:
    document = {"task": "Fix it", "scoped_work_item": {"item_id": "ITEM-1"}, "intake_kind": "task"}
    printed = called.run(
        "submit", "shop", "--request-json", "--json", stdin=json.dumps(document).encode()
    )
    item_id = published(printed, "submit").document["item"]["work_item_id"]
    assert item_id.startswith("item-1-")
    detail = called.scene.as_owner().find_item(item_id)
    assert detail is not None
    assert detail.request["work_item_ref"] == {"item_id": "ITEM-1"}
    assert detail.request["options"] == {"intake": "task"}


# --- reading and control --------------------------------------------------------------------------


def test_each_waiting_item_says_why(called: FleetCaller) -> None:
    first, second = (called.submit("shop", text) for text in ("Fix one", "Fix two"))
    called.host.run_next()
    document = published(called.run("ps", "--json"), "ps").document
    assert [each["work_item_id"] for each in document["items"]] == [first, second]
    assert document["items"][1]["why"] == f"workspace busy: {first}"
    assert called.run("ps", "--workspace", "api").stdout == "no items\n"
    called.scene.fall_silent("a")
    assert "host away since" in called.run("ps", "--state", "queued").stdout
    assert "away" in called.run("hosts").stdout


def test_the_list_is_watched_until_a_signal(called: FleetCaller) -> None:
    item_id = called.submit()
    with called.caller.start("fleet", "ps", "--watch", "--json") as watching:
        assert watching.process.stdout is not None
        first = json.loads(watching.process.stdout.readline())
        called.host.run_next()
        second = json.loads(watching.process.stdout.readline())
        watching.send(signal.SIGINT)
        printed = watching.finish()

    states = [each["items"][0]["state"] for each in (first, second)]
    assert states == ["queued", "running"]
    assert first["items"][0]["work_item_id"] == item_id
    assert (printed.exit_code, printed.stdout) == (130, "")


def test_items_are_cancelled(called: FleetCaller) -> None:
    waiting, running = (called.submit("shop", text) for text in ("Fix one", "Fix two"))
    assert called.scene.claim_next("a") == waiting
    lease = called.host.take(waiting)
    done = published(called.run("cancel", running, "--json"), "cancel")
    assert (done.exit_code, done.document["outcome"]) == (0, "done")
    asked = published(called.run("cancel", waiting, "--wait", "0", "--json"), "cancel")
    assert (asked.exit_code, asked.document["outcome"]) == (7, "not_confirmed")
    called.end(lease)
    late = published(called.run("cancel", waiting, "--json"), "cancel")
    assert (late.exit_code, late.document["outcome"]) == (3, "too_late")


def test_a_set_aside_item_is_dispatched_again(called: FleetCaller) -> None:
    item_id = called.submit()
    called.host.run_next()
    assert called.run("retry", item_id).exit_code == 2
    called.scene.end_dispatch(item_id, DispatchStatus.SET_ASIDE)
    assert "set aside" in called.run("ps").stdout
    done = published(called.run("retry", item_id, "--json"), "retry")
    assert (done.exit_code, done.document["item"]["dispatch"]) == (0, 2)


def test_hosts_are_drained_and_workspaces_paused(called: FleetCaller) -> None:
    item_id = called.submit()
    drained = published(called.run("drain", "a", "--note", "kernel", "--json"), "drain")
    assert drained.exit_code == 0
    (host,) = published(called.run("hosts", "--json"), "hosts").document["hosts"]
    assert (host["draining"], host["note"], host["queued"]) == (True, "kernel", 1)
    assert called.run("drain", "a", "--undo").exit_code == 0

    assert called.run("pause", "shop", "--note", "release", "--for", "1h").exit_code == 0
    shown = called.run("workspaces").stdout
    assert "paused until" in shown
    assert "release" in shown
    assert called.run("workspaces", "list").stdout.splitlines()[0] == shown.splitlines()[0]
    assert called.scene.claim_next("a") is None
    assert called.run("resume", "shop").exit_code == 0
    lease = called.host.run_next()
    assert lease.item_id == item_id
    late = called.run("drain", "a", "--timeout", "0", "--json")
    assert (published(late, "drain").exit_code, late.document["outcome"]) == (7, "not_confirmed")


def test_workspaces_are_forgotten_and_old_items_deleted(called: FleetCaller) -> None:
    called.submit()
    assert called.run("workspaces", "forget", "shop").exit_code == 2
    called.end(called.host.run_next())
    assert called.run("workspaces", "forget", "shop").exit_code == 0
    assert called.run("prune", "--older-than", "1d").stdout == "0 items deleted\n"
    pruned = published(called.run("prune", "--older-than", "0s", "--json"), "prune")
    assert (pruned.exit_code, pruned.document["count"]) == (0, 1)


def test_schedules_are_kept_by_the_engine(called: FleetCaller) -> None:
    added = called.run(
        *("schedule", "add", "nightly", "shop", "0 2 * * 1-5", "Update it"),
        *("--timezone", "Europe/Berlin", "--json"),
    )
    (schedule,) = published(added, "schedule").document["schedules"]
    assert (schedule["cron"], schedule["task"]) == ("0 2 * * 1-5", "Update it")
    assert called.run("schedule", "pause", "nightly").exit_code == 0
    assert "paused" in called.run("schedule").stdout
    ran = called.run("schedule", "run", "nightly")
    assert ran.exit_code == 0
    assert ran.stdout.strip() in called.run("ps").stdout
    assert called.run("schedule", "remove", "nightly").exit_code == 0
    assert called.run("schedule", "list").stdout == "no schedules\n"


# --- refusals -------------------------------------------------------------------------------------

_BAD = [
    (("submit", "nowhere", "Fix it"), "invalid_request"),
    (("submit",), "usage"),
    (("submit", "shop"), "usage"),
    (("submit", "shop", "--key", " ", "Fix it"), "usage"),
    (("submit", "shop", "--at", "soon", "Fix it"), "usage"),
    (("submit", "shop", "--priority", "0", "Fix it"), "usage"),
    (("submit", "--label", "rust", "Fix it"), "invalid_request"),
    (("submit", "shop", "--no-such", "Fix it"), "usage"),
    (("ps", "--state", "lost"), "usage"),
    (("show", "nothing"), "invalid_request"),
    (("show",), "usage"),
    (("wait", "nothing"), "invalid_request"),
    (("wait",), "usage"),
    (("cancel", "nothing"), "invalid_request"),
    (("retry", "nothing"), "invalid_request"),
    (("drain", "nowhere"), "invalid_request"),
    (("pause", "nowhere"), "invalid_request"),
    (("pause", "shop", "--for", "soon"), "usage"),
    (("resume", "nowhere"), "invalid_request"),
    (("workspaces", "forget", "nowhere"), "invalid_request"),
    (("prune",), "usage"),
    (("prune", "--older-than", "old"), "usage"),
    (("schedule", "add", "n", "shop", "daily", "Fix it"), "invalid_request"),
    (("schedule", "add", "n", "shop", "61 * * * *", "Fix it"), "invalid_request"),
    (("schedule", "run", "nothing"), "invalid_request"),
]


@pytest.mark.parametrize(("words", "code"), _BAD, ids=lambda each: " ".join(each)[:40])
def test_bad_input_is_a_document_with_a_next_step(
    called: FleetCaller, words: tuple[str, ...], code: str
) -> None:
    printed = published(called.run(*words, "--json"), *words)

    assert (printed.exit_code, printed.error_codes) == (2, [code])
    assert "next: " in printed.stderr
    if "command" in printed.document:
        name = words[1] if words[0] == "workspaces" else words[0]
        assert printed.document["command"] == f"fleet_{name}"


def test_a_key_of_other_work_is_a_conflict(called: FleetCaller) -> None:
    called.submit("shop", "--key", "k", "Fix it")
    for words in (("shop", "Fix that"), ("api", "Fix it")):
        printed = called.run("submit", "--key", "k", *words, "--json")
        assert printed.exit_code == 2
        assert published(printed, "submit").error_codes == ["idempotency_conflict"]


def test_a_secret_in_a_task_is_not_stored(called: FleetCaller) -> None:
    secret = "sk-live-0123456789abcdefABCDEF"  # a fake
    printed = called.caller.run(
        *("fleet", "submit", "shop", f"Use {secret}", "--json"), SHOP_API_KEY=secret
    )
    assert (printed.exit_code, printed.error_codes) == (2, ["secret_in_task"])
    assert secret not in printed.stdout + printed.stderr
    assert called.scene.as_owner().list_items(_open()).total == 0


_READING = [
    ("ps",),
    ("submit", "shop", "Fix it"),
    ("hosts",),
    ("wait", "x"),
    ("show", "x"),
    ("cancel", "x"),
    ("workspaces",),
    ("schedule",),
]


@pytest.mark.parametrize("words", _READING, ids=" ".join)
def test_an_unreachable_database_is_exit_8(
    called: FleetCaller, tmp_path: Path, words: tuple[str, ...]
) -> None:
    nowhere = tmp_path / "nowhere.toml"
    nowhere.write_text('url = "postgresql://nobody@127.0.0.1:1/fleet"\n')
    nowhere.chmod(0o600)
    printed = called.run(*words, "--json", "--fleet", str(nowhere))

    assert (printed.exit_code, printed.error_codes) == (8, ["fleet_unreachable"])
    assert_published(schema_of(words), printed.document)


@pytest.mark.parametrize("words", _READING, ids=" ".join)
def test_a_fleet_that_is_not_configured_is_exit_2(
    called: FleetCaller, words: tuple[str, ...]
) -> None:
    printed = called.run(*words, "--json", "--fleet", "nothing")

    assert (printed.exit_code, printed.error_codes) == (2, ["fleet_not_configured"])
    assert "fleet up --local" in printed.stderr
    assert_published(schema_of(words), printed.document)


# --- the other front doors ------------------------------------------------------------------------


def test_ops_and_the_library_use_the_same_fleet(called: FleetCaller) -> None:
    raw = request(
        "fleet_submit",
        schema_version="millracer.ops.v0.3",
        workspace_ref={"runtime_kind": "fleet", "workspace_id": "shop"},
        input={"text": "Fix it"},
        idempotency_key="k",
    )
    printed = called.caller.run("ops", "--json", stdin=raw)
    assert printed.exit_code == 0, printed.stdout
    item_id = printed.document["result"]["item"]["work_item_id"]
    named = called.caller.run("ops", "--json", "--fleet", "nothing", stdin=raw)
    assert named.error_codes == ["fleet_not_configured"]

    with Client(fleet=called.file) as client:
        known = client.fleet_submit("Fix it", "shop", idempotency_key="k")
        listed = client.fleet_list()
    known.raise_for_outcome()
    assert known.verdict == "known"
    assert [each.work_item_id for each in listed.items] == [item_id]


def test_help_of_the_commands_needs_no_fleet(tmp_path: Path) -> None:
    caller = OpsCaller(cwd=tmp_path, state=tmp_path / "state", forks=True)
    for words in (("--help",), ("ps", "--help"), ("schedule", "--help"), ("workspaces", "-h")):
        printed = caller.run("fleet", *words)
        assert (printed.exit_code, printed.stderr) == (0, "")
        assert "Usage: millracer fleet" in printed.stdout


def _open() -> ItemFilter:
    return ItemFilter()
