"""Worlds that the stub server plays: a busy machine, from which tests and pictures start."""

from __future__ import annotations

from tests.browser.documents import (
    Document,
    ago,
    board,
    board_ended,
    board_item,
    board_running,
    changes,
    control,
    diff,
    doctor,
    entry,
    fact,
    item,
    listed,
    logs,
    member,
    missing,
    models,
    on_board,
    stage,
    status,
    step,
    tokens,
)
from tests.browser.stub import Log, World

SHOP, BILLING, DOCS, SEARCH = "5b0c9a11", "77aa02cd", "c0ffee21", "1d2e3f40"
RUNNING, DONE, BLOCKED, IDEA, WAITING = (
    "round-discounts-half-up-4be98",
    "fix-the-discount-5be984e7",
    "export-invoices-nightly-8c21",
    "search-as-you-type-9807cd83",
    "show-the-tax-per-line-11fe",
)
_PATCH = """\
diff --git a/shop/pricing.py b/shop/pricing.py
index 3f1c2aa..9d0e1b7 100644
--- a/shop/pricing.py
+++ b/shop/pricing.py
@@ -1,14 +1,20 @@
 \"\"\"Prices of the shop, in cents.\"\"\"

+from decimal import ROUND_HALF_UP, Decimal
+
+PERCENT = Decimal(100)
+

 def discounted(price: int, percent: int) -> int:
-    \"\"\"Return the price less the discount.\"\"\"
-    return price - percent
+    \"\"\"Return the price less a share of it, rounded half up to whole cents.\"\"\"
+    share = Decimal(price) * percent / PERCENT
+    return price - int(share.quantize(Decimal(1), ROUND_HALF_UP))


 def total(prices: list[int], percent: int = 0) -> int:
     \"\"\"Return the sum of the prices, less the discount.\"\"\"
     return sum(discounted(price, percent) for price in prices)
diff --git a/tests/test_pricing.py b/tests/test_pricing.py
index 82dd1f0..5c3a9ee 100644
--- a/tests/test_pricing.py
+++ b/tests/test_pricing.py
@@ -7,3 +7,11 @@ def test_no_discount() -> None:

 def test_discount() -> None:
     assert discounted(2000, 10) == 1800
+
+
+def test_rounds_half_up() -> None:
+    assert discounted(995, 50) == 497
+
+
+def test_whole_price() -> None:
+    assert discounted(995, 100) == 0
"""
_CHANGES = changes(
    ("shop/pricing.py", "modified", 7, 2), ("tests/test_pricing.py", "modified", 8, 0)
)
_TALK = [
    entry("text", "I will read the pricing module and its tests first."),
    entry("tool", "shop/pricing.py", "read"),
    entry("tool", "tests/test_pricing.py", "read"),
    entry("tool", "python -m pytest -q", "bash", failed=True),
    entry(
        "text",
        "`discounted` takes the percentage off as if it were cents. I change it to take a share of"
        " the price and round half up, as invoices do.",
    ),
    entry("tool", "shop/pricing.py", "edit"),
    entry(
        "tool",
        "python - <<'EOF'\nfrom shop.pricing import discounted\nprint(discounted(995, 50))\nEOF",
        "bash",
    ),
    entry("tool", "python -m pytest -q", "bash"),
    entry("text", "All 6 tests pass."),
]


def busy(*, read_only: bool = False) -> World:
    """Return several workspaces with work in every state."""
    world = World()
    world.documents["/board"] = busy_board(read_only=read_only)
    _running(world)
    _done(world)
    _blocked(world)
    _idea(world)
    _waiting(world)
    _workspaces(world)
    _controls(world)
    return world


def busy_board(*, read_only: bool = False) -> Document:
    return board(
        on_board(
            SHOP,
            "shop",
            daemon="running",
            pid=40213,
            running=[
                board_running(
                    RUNNING,
                    "Round discounts half up in the cart total",
                    stage="checker",
                    since=ago(47),
                    runner="here",
                )
            ],
            waiting=[
                board_item(WAITING, "Show the tax per line on the invoice", written_at=ago(340)),
                board_item("add-currency", "Add the currency to every price", written_at=ago(660)),
                board_item("guest-checkout", "Let guests check out", written_at=ago(2400)),
            ],
            ended=[
                board_ended(
                    DONE,
                    "Fix the discount so that it takes a share",
                    state="done",
                    ended_at=ago(1500),
                ),
            ],
        ),
        on_board(
            BILLING,
            "billing-api",
            blocked=[
                board_item(
                    BLOCKED,
                    "Export the invoices of each night",
                    written_at=ago(5400),
                    reason="the troubleshooter gave up after 3 tries",
                )
            ],
            ended=[
                board_ended(
                    "retry-webhooks",
                    "Retry webhooks with growing pauses",
                    state="done",
                    ended_at=ago(9000),
                ),
                board_ended(
                    "drop-old-keys",
                    "Drop API keys after 90 days",
                    state="cancelled",
                    ended_at=ago(14000),
                ),
            ],
        ),
        on_board(
            SEARCH,
            "search",
            daemon="running",
            pid=40977,
            running=[
                board_running(
                    IDEA, "Search as you type", stage="planner", since=ago(12), runner="elsewhere"
                )
            ],
        ),
        on_board(
            DOCS,
            "docs-site",
            daemon="paused",
            waiting=[
                board_item("redirect-old-urls", "Redirect the old URLs", written_at=ago(7200)),
                board_item("dark-mode", "Offer the site in dark colours", written_at=ago(8000)),
            ],
        ),
        on_board(
            "aa11bb22",
            "mobile",
            waiting=[board_item("offline-cart", "Keep the cart offline", written_at=ago(86400))],
            ended=[
                board_ended(
                    "crash-on-rotate",
                    "Do not crash when the phone is turned",
                    state="done",
                    ended_at=ago(19000),
                ),
            ],
        ),
        on_board("0f0f0f0f", "infra", initialized=False),
        read_only=read_only,
    )


def _running(world: World) -> None:
    started = (172.0, 47.0)
    built = stage(
        RUNNING,
        "builder",
        "BUILDER_COMPLETE",
        ago(started[0]),
        118.4,
        usage=tokens(18_412, 6_204, 92_310),
        cost=0.21,
    )
    checking = stage(RUNNING, "checker", None, ago(started[1]), None)
    path = f"/workspaces/{SHOP}/items/{RUNNING}"
    world.documents[path] = item(
        RUNNING,
        "Round discounts half up in the cart total",
        "active",
        task="Round discounts half up in the cart total.\n\nThe cart shows 4.97 for half of 9.95,"
        " the invoice 4.98. Both must round half up. Add tests for the edge cases.",
        stages=[built, checking],
        lacks=[
            missing(
                "a run of this task that ended with the updater",
                "millrace runs list",
                "the checker runs",
            ),
            missing("the task in Millrace's done list", "millrace queue show", "it is active"),
        ],
        changed=_CHANGES,
        steps=[
            step("continue", f"millracer watch {RUNNING} --workspace /home/me/shop"),
            step("cancel", f"millracer cancel {RUNNING} --workspace /home/me/shop"),
        ],
    )
    world.documents[f"{path}/diff"] = diff(RUNNING, _CHANGES, _PATCH)
    world.documents[f"{path}/logs"] = logs(RUNNING, (built, _TALK), (checking, _TALK[:4]))
    log = Log()
    log.add("log.opened", "the log was opened", at=ago(181))
    log.add("attempt.started", "attempt 1 started", at=ago(181), pid=40100, request_id="ticket-12")
    log.add("state.entered", "looking up the work item", at=ago(180), state="decide")
    log.add("item.enqueued", "Millrace has the item as task", at=ago(178), intake_kind="task")
    log.add("state.entered", "watching the work item", at=ago(177), state="monitor")
    log.add("item.moved", "the item is active", at=ago(173), item_state="active")
    _stage(log, RUNNING, "builder", (ago(172), ago(53.6)), "BUILDER_COMPLETE")
    _stage(log, RUNNING, "checker", (ago(47), None), "")
    world.logs[path] = log


def _stage(log: Log, item_id: str, name: str, times: tuple[str, str | None], result: str) -> None:
    start, end = times
    about = {"item_id": item_id, "stage": name, "run_id": "run-e55c8b1d", "plane": "execution"}
    log.add("stage.started", f"{name} began", at=start, **about)
    if end is not None:
        log.add(
            "stage.ended",
            f"{name} ended {result}",
            at=end,
            **about,
            terminal_result=result,
            failure_class=None,
        )


def _done(world: World) -> None:
    stages = [
        stage(
            DONE,
            "builder",
            "BUILDER_COMPLETE",
            ago(1840),
            96.2,
            usage=tokens(15_020, 4_310, 71_900),
            cost=0.17,
        ),
        stage(
            DONE,
            "checker",
            "FIX_NEEDED",
            ago(1741),
            61.0,
            usage=tokens(9_870, 1_240, 40_112),
            cost=0.08,
        ),
        stage(
            DONE,
            "fixer",
            "FIXER_COMPLETE",
            ago(1678),
            49.3,
            usage=tokens(8_004, 2_020, 38_500),
            cost=0.07,
        ),
        stage(
            DONE,
            "doublechecker",
            "DOUBLECHECK_PASS",
            ago(1627),
            58.8,
            usage=tokens(9_010, 1_104, 39_002),
            cost=0.07,
        ),
        stage(
            DONE,
            "updater",
            "UPDATE_COMPLETE",
            ago(1566),
            31.7,
            usage=tokens(6_118, 1_480, 30_870),
            cost=0.05,
        ),
    ]
    path = f"/workspaces/{SHOP}/items/{DONE}"
    world.documents[path] = item(
        DONE,
        "Fix the discount so that it takes a share",
        "done",
        task="Fix the discount so that it takes a share.\n\n`discounted` subtracts the percentage"
        " as if it were cents: 10 % off 20.00 gives 19.90. Round half up.",
        proof=[
            fact(DONE, f"task {DONE} is done", f"millrace queue show {DONE}"),
            fact(
                DONE,
                "updater of the task ended UPDATE_COMPLETE in the run that began with its builder",
                "millrace runs trace run-e55c8b1d --format json",
                run="run-e55c8b1d",
            ),
        ],
        stages=stages,
        changed=_CHANGES,
    )
    world.documents[f"{path}/diff"] = diff(DONE, _CHANGES, _PATCH)
    world.documents[f"{path}/logs"] = logs(DONE, *((each, _TALK) for each in stages))
    log = Log(epoch="a3791706")
    log.add("log.opened", "the log was opened", at=ago(1850))
    log.add("attempt.started", "attempt 1 started", at=ago(1850), request_id="ticket-11")
    log.add("item.enqueued", "Millrace has the item as task", at=ago(1846))
    log.add("attempt.lost", "attempt 1 was lost: its process was killed", at=ago(1700))
    log.add("attempt.started", "attempt 2 started", at=ago(1700), attempt=2, request_id="ticket-11")
    log.add("item.moved", "the item is done", at=ago(1534), attempt=2, item_state="done")
    log.add(
        "attempt.ended",
        "the attempt ended: completed",
        at=ago(1533),
        attempt=2,
        outcome="completed",
        scoped_completion=True,
        exit_code=0,
    )
    log.result = {"schema_version": "millracer.run.v1", "outcome": "completed"}
    world.logs[path] = log


def _blocked(world: World) -> None:
    stages = [
        stage(
            BLOCKED, "builder", "BUILDER_COMPLETE", ago(6400), 210.0, usage=tokens(30_000, 9_000)
        ),
        stage(BLOCKED, "checker", "BLOCKED", ago(6180), 75.0, usage=tokens(12_000, 2_100)),
        stage(
            BLOCKED,
            "troubleshooter",
            "BLOCKED",
            ago(6100),
            130.0,
            usage=tokens(22_000, 3_400),
            failure="stage_runner_failed",
        ),
    ]
    path = f"/workspaces/{BILLING}/items/{BLOCKED}"
    world.documents[path] = item(
        BLOCKED,
        "Export the invoices of each night",
        "blocked",
        workspace="/home/me/billing-api",
        failure='401 {"error":{"type":"authentication_error","message":"invalid x-api-key"}}',
        detail="the troubleshooter gave up after 3 tries",
        proof=[
            fact(BLOCKED, f"task {BLOCKED} is blocked", f"millrace queue show {BLOCKED}"),
        ],
        lacks=[
            missing(
                "a run of this task that ended with the updater",
                "millrace runs list",
                "the last run ended BLOCKED in the troubleshooter",
            )
        ],
        stages=stages,
        steps=[
            step("retry", f"millracer retry {BLOCKED} --workspace /home/me/billing-api"),
            step("cancel", f"millracer cancel {BLOCKED} --workspace /home/me/billing-api"),
        ],
    )
    log = Log(epoch="b10cced0")
    log.add("log.opened", "the log was opened", at=ago(6500))
    log.add("attempt.started", "attempt 1 started", at=ago(6500), request_id="nightly-export")
    log.add("item.moved", "the item is blocked", at=ago(5970), item_state="blocked")
    log.add(
        "attempt.ended",
        "the attempt ended: blocked",
        at=ago(5969),
        outcome="blocked",
        scoped_completion=False,
        exit_code=4,
    )
    log.result = {"schema_version": "millracer.run.v1", "outcome": "blocked"}
    world.logs[path] = log
    world.documents[f"{path}/logs"] = logs(BLOCKED, *((each, _TALK[:3]) for each in stages))


def _idea(world: World) -> None:
    spec, first, second = f"idea-{IDEA}", f"idea-{IDEA}-t1", f"idea-{IDEA}-t2"
    path = f"/workspaces/{SEARCH}/items/{IDEA}"
    stages = [
        stage(
            spec,
            "planner",
            "PLANNER_COMPLETE",
            ago(900),
            84,
            run="run-1",
            usage=tokens(20_000, 5_000),
        ),
        stage(
            spec,
            "manager",
            "MANAGER_COMPLETE",
            ago(812),
            40,
            run="run-1",
            usage=tokens(11_000, 3_000),
        ),
        stage(
            first,
            "builder",
            "BUILDER_COMPLETE",
            ago(760),
            190,
            run="run-2",
            usage=tokens(41_000, 12_000),
        ),
        stage(
            first, "checker", "CHECKER_PASS", ago(560), 70, run="run-2", usage=tokens(18_000, 2_000)
        ),
        stage(
            first, "updater", "UPDATE_COMPLETE", ago(486), 36, run="run-2", usage=tokens(9_000, 900)
        ),
        stage(second, "builder", None, ago(140), None, run="run-3"),
    ]
    world.documents[path] = item(
        IDEA,
        "Search as you type",
        "active",
        kind="idea",
        workspace="/home/me/search",
        stages=stages,
        lineage=[
            member(IDEA, "idea", "active", "the work item itself", None),
            member(spec, "spec", "active", "the idea was made into it", IDEA),
            member(first, "task", "done", "its Spec-ID names the spec", spec),
            member(second, "task", "active", "its Spec-ID names the spec", spec),
        ],
        lacks=[
            missing("the closure of the root spec by the Arbiter", "arbiter/targets", "it is open")
        ],
    )
    log = Log(epoch="1dea0000")
    log.add("log.opened", "the log was opened", at=ago(910))
    log.add("attempt.started", "attempt 1 started", at=ago(910), request_id="search-1")
    world.logs[path] = log
    world.documents[f"{path}/logs"] = logs(IDEA, *((each, _TALK) for each in stages))


def _waiting(world: World) -> None:
    path = f"/workspaces/{SHOP}/items/{WAITING}"
    world.documents[path] = item(WAITING, "Show the tax per line on the invoice", "queued")


def _workspaces(world: World) -> None:
    paths = {SHOP: "shop", BILLING: "billing-api", DOCS: "docs-site", SEARCH: "search"}
    for key, name in paths.items():
        at = f"/workspaces/{key}"
        world.documents[f"{at}/models"] = models()
        world.documents[f"{at}/doctor"] = doctor()
        world.documents[f"{at}/status"] = status(f"/home/me/{name}")
        world.documents[f"{at}/items"] = page()
        world.texts[f"{at}/log"] = (
            "2026-11-30T18:04:42Z daemon started, mode lad_pi\n"
            "2026-11-30T18:04:43Z execution: claimed the next task\n"
            "2026-11-30T18:04:44Z builder: stage started\n"
        )
    shop = f"/workspaces/{SHOP}"
    world.documents[f"{shop}/status"] = status("/home/me/shop", daemon="runs", pid=40213, queued=3)
    world.documents[f"{shop}/items"] = page(
        listed(
            RUNNING,
            "Round discounts half up in the cart total",
            "active",
            172,
            stage="checker",
            runner="here",
        ),
        listed(WAITING, "Show the tax per line on the invoice", "queued", 340),
        listed("add-currency", "Add the currency to every price", "queued", 660),
        listed("guest-checkout", "Let guests check out", "queued", 2400, work_kind="idea"),
        listed(DONE, "Fix the discount so that it takes a share", "done", 1500),
        listed("why-slow", "Find out why the basket is slow", "done", 90_000, work_kind="probe"),
        listed("old-banner", "Remove the summer banner", "cancelled", 180_000),
        listed("gift-cards", "Accept gift cards", "done", 190_000),
        listed("vat-2026", "Use the VAT rates of 2026", "done", 260_000),
        listed("bump-deps", "Update the dependencies", "blocked", 300_000),
    )
    world.documents[f"{shop}/items?state=blocked&limit=50"] = page(
        listed("bump-deps", "Update the dependencies", "blocked", 300_000)
    )
    docs = f"/workspaces/{DOCS}"
    world.documents[f"{docs}/status"] = status("/home/me/docs-site", paused=True, queued=2)
    world.documents[f"{docs}/status"]["warnings"] = [
        {"code": "paused", "message": "Millrace is paused: no new stage is started"}
    ]
    world.documents[f"{docs}/status"]["next_steps"] = [
        step("resume", "millracer resume --workspace /home/me/docs-site")
    ]


def page(*items: Document, following: str | None = None, total: int | None = None) -> Document:
    return {
        "schema_version": "millracer.items-page.v1",
        "workspace": "/home/me/shop",
        "items": list(items),
        "next": following,
        "total": len(items) if total is None else total,
    }


def _controls(world: World) -> None:
    for command, message in {
        "pause": "Millrace is paused; the daemon runs",
        "resume": "Millrace is resumed; the daemon runs",
        "start": "a daemon runs, process 41234",
        "stop": "the daemon ended",
    }.items():
        for key in (SHOP, BILLING, DOCS, SEARCH):
            world.answers[f"/workspaces/{key}/{command}"] = (200, control(command, "done", message))
    world.answers[f"/workspaces/{SHOP}/items/{RUNNING}/cancel"] = (
        200,
        control(
            "cancel",
            "done",
            "Millrace cancelled the item",
            item_id=RUNNING,
            state="cancelled",
        ),
    )
    world.answers[f"/workspaces/{BILLING}/items/{BLOCKED}/retry"] = (
        200,
        control(
            "retry",
            "done",
            "the item is in the queue again",
            item_id=BLOCKED,
            state="queued",
        ),
    )
    world.answers[f"/workspaces/{SHOP}/items"] = (
        202,
        {
            "schema_version": "millracer.accepted.v1",
            "work_item_id": WAITING,
            "state": "queued",
            "is_new": True,
            "runs_here": True,
            "events": f"/api/v1/workspaces/{SHOP}/items/{WAITING}/events",
            "warnings": [],
        },
    )
