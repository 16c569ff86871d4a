"""The fallback against tasks as people write them; the kind beside each is a person's judgement.

A probe investigates uncertain work in code that is there, an idea is a clear outcome that has to be
planned and split, a task is local and fully described. `FORGIVEN` lists where the fallback, which
reads words and understands nothing, judges differently; it may plan first where it need not,
but never change things where a person would investigate first.
"""

import pytest

from millracer.domain.requests import IntakeKind, IntakePreference
from millracer.domain.work.intake import choose_intake

TASKS = """
Fix the off-by-one in src/pagination.py so that tests/test_pagination.py passes.
In `app/models/user.rb` validate that the email is unique, and cover it in spec/models/user_spec.rb.
Fix the typo "recieve" in docs/getting-started.md.
Change the default timeout in config/settings.yaml from 30 to 60; change nothing else.
Rename `getUser` to `fetchUser` in src/api/client.ts and update its tests.
Add a docstring to every public function in utils/strings.py.
Bump the version in pyproject.toml to 1.4.0 and add the release date to CHANGELOG.md.
lib/date.js: parseDate() crashes on leap days. Make the failing test in date.test.js green.
Remove the unused import of os from scripts/build.py.
Make `make_slug` in blog/slug.py keep digits; acceptance: pytest tests/test_slug.py passes.
Replace the hard-coded port 8080 in cmd/server/main.go by the constant DefaultPort.
Add the header X-Request-Id in handlers/health.go and a test in handlers/health_test.go.
Sort the entries of package.json alphabetically.
Write unit tests for src/money/rounding.py that cover negative amounts.
Update README.md to say that Python 3.11 is needed.
In src/parser.rs, return an error instead of panicking when the input is empty. Run cargo test.
Add a regression test for src/cart/total.py that shows the bug of issue 12.
Implement `Stack.peek` in structures/stack.py as its docstring says.
Delete the debug print in src/app/main.py.
Set `retries: 5` in deploy/values.yaml, see docs/deploy.md for the format.
Correct the example in docs/usage.rst: the flag is --dry-run.
"""
PROBES = """
Our checkout sometimes charges customers twice. Find out why and fix it.
This is a large existing codebase. Make the startup faster without breaking plugins.
The nightly job fails every few days and nobody knows why.
Investigate the memory leak in the worker and propose a fix.
Migrate the project from unittest to pytest.
Refactor the authentication module so that it no longer depends on Flask globals.
Upgrade Django from 3.2 to 5.0 and keep everything working.
tests/test_sync.py is flaky on CI, make it reliable.
Users report that search results are stale after an update. It is unclear which cache is to blame.
Make the public API of v2 backward compatible with v1 clients.
Why does the build take twelve minutes? Bring it below five.
There is a race condition somewhere in the job scheduler; find and remove it.
Remove all uses of the deprecated logging helper across the whole repository.
Port the image pipeline to the new storage backend; I am not sure which modules are affected.
We see intermittent 502s from the gateway since last week. Track down the cause.
Replace every raw SQL query in the monorepo by the query builder without regressions.
Rename the concept "account" to "workspace" everywhere in the code.
Debug the failing integration tests after the merge.
Something around src/billing/invoice.py rounds wrongly; understand it before changing it.
Check whether our code base is affected by CVE-2025-1234 and patch it if so.
Figure out what makes the export slow, then create a patch.
src/cache.py sometimes returns stale entries. Add whatever invalidation is missing.
Diagnose why the login fails behind the proxy and implement a fix.
Look into the warnings of the last build.
The totals are wrong.
Improve performance.
Do what issue 17 asks for.
Add logging.
"""
IDEAS = """
Build a new command-line tool that converts our invoices to PDF.
Create a dashboard that shows the health of all services.
Add user accounts with login, password reset and e-mail verification.
Design and build a REST API for managing recipes, with documentation and tests.
Add a plugin system so that third parties can write exporters.
Implement a notification service that supports e-mail, SMS and push.
Write a todo app with React and FastAPI.
Add dark mode to the web app.
We want customers to be able to export their data as CSV or JSON from the settings page.
Introduce a new approval workflow: requests above 1000 EUR need a second person.
Develop a mobile client for our booking service.
Add internationalisation for German, French and Polish.
Build a small game of snake that runs in the browser.
Create a website for a bakery with a menu, opening hours and a contact form.
Build the importer described in docs/importer.md.
Read docs/plan.md and implement it.
Add support for webhooks so that other systems learn of new orders.
Please design an onboarding flow for first-time users.
"""


#: Tasks that a person judges as the first kind and the fallback as the second.
FORGIVEN = {
    "Change the colour of the submit button to green.": "task probe",
    "Refactor src/report.py: split `render` in two, nothing else.": "task probe",
    "Write the release announcement into news/1.4.md.": "task probe",
    "Add a new endpoint /health in src/api/routes.py.": "task idea",
    "Turn our loose scripts into a proper Python package.": "idea probe",
    "Our documentation lacks a tutorial for beginners.": "idea probe",
    "Add authentication to the admin area, for staff alone.": "idea probe",
    "Design the search so that it keeps working during migrations.": "idea probe",
    "Create a patch for the crash in the mail importer.": "probe idea",
}


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


EXPECTED = [
    *((task, IntakeKind.TASK) for task in lines(TASKS)),
    *((task, IntakeKind.PROBE) for task in lines(PROBES)),
    *((task, IntakeKind.IDEA) for task in lines(IDEAS)),
]


def read(task: str) -> IntakeKind:
    return choose_intake(task, IntakePreference.AUTO, None).kind


@pytest.mark.parametrize(("task", "kind"), EXPECTED)
def test_the_fallback_chooses_what_a_person_would(task: str, kind: IntakeKind) -> None:
    assert read(task) is kind


@pytest.mark.parametrize(("task", "kinds"), FORGIVEN.items())
def test_where_the_fallback_disagrees_it_does_not_change_things_unlooked(
    task: str, kinds: str
) -> None:
    judged, chosen = (IntakeKind(kind) for kind in kinds.split())

    assert judged is not chosen
    assert read(task) is chosen
    assert chosen is not IntakeKind.TASK


def test_the_table_holds_each_task_once() -> None:
    tasks = [task for task, _ in EXPECTED] + list(FORGIVEN)

    assert len(tasks) == len(set(tasks)) > 40
