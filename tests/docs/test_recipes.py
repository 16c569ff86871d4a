"""The recipes: that they do what they say is `test_shown_lines.py`; here is how else they end.

Of the workflow, a file for another machine, the testable parts are checked: that it is YAML of a
workflow's shape, that what it runs is there, and that no text of an issue reaches a shell.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from millracer.errors import ExitCode
from tests.docs.scene import Scene, scene
from tests.docs.shown import ROOT, blocks
from tests.support.scenario import Scenario, Step

_EXAMPLES = ROOT / "docs" / "examples"
_RECIPES = ROOT / "docs" / "recipes.md"
_WORKFLOW = _EXAMPLES / "github-actions.yml"
_BLOCKED = (Step(marker="BLOCKED"),)


@pytest.fixture
def blocking(tmp_path: Path, millrace_command: str, pi_command: str) -> Iterator[Scene]:
    """A scene in which Millrace blocks every task."""
    scenario = Scenario(dict.fromkeys(("builder", "troubleshooter", "consultant"), _BLOCKED))
    with scene(tmp_path, millrace_command, pi_command, scenario) as here:
        yield here


@pytest.mark.slow
def test_the_adapter_stops_at_an_item_that_is_not_done(blocking: Scene) -> None:
    items = [{"id": name, "title": name, "task": f"Do {name}"} for name in ("SHOP-1", "SHOP-2")]
    (blocking.home / "items.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in items))

    ran = blocking.run(
        "python docs/examples/queue_adapter.py path/to/workspace < items.jsonl 2>/dev/null"
    )

    (ended,) = map(json.loads, ran.printed.splitlines())
    assert (ran.exit_code, ended["id"], ended["outcome"]) == (1, "SHOP-1", "blocked")
    assert ended["done"] is False


@pytest.mark.slow
def test_a_job_is_red_and_says_why_when_its_issue_is_blocked(blocking: Scene) -> None:
    ran = blocking.run(
        "ISSUE=12 TITLE=Fix GITHUB_STEP_SUMMARY=summary.md "
        "python docs/examples/delegate_issue.py path/to/workspace"
    )

    summary = (blocking.home / "summary.md").read_text(encoding="utf-8")
    result = json.loads((blocking.home / "millracer-result.json").read_text(encoding="utf-8"))
    assert ran.exit_code == 4
    assert summary.startswith("## blocked\n")
    assert "- missing: " in summary
    assert "- to retry: `millracer retry " in summary
    assert result["outcome"] == "blocked"


@pytest.mark.slow
def test_the_nightly_job_is_silent_when_all_is_well_and_says_what_is_not(blocking: Scene) -> None:
    ran = blocking.run("sh docs/examples/nightly.sh nowhere")

    assert ran.exit_code == 2
    assert "nowhere is not a directory" in ran.printed
    assert ran.printed.endswith("millracer ended with exit code 2\n")


@pytest.mark.slow
def test_cron_finds_all_that_the_nightly_job_needs(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    _, path, job = (_EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
    with scene(tmp_path, millrace_command, pi_command) as here:
        (here.home / "bin").mkdir()
        shutil.copy(_EXAMPLES / "nightly.sh", here.home / "bin")
        # cron gives a job this much and no more; the rest lets these sources be found.
        given = f"HOME={here.home} SHELL=/bin/sh PYTHONPATH={ROOT} {here.as_meant(path)}"

        ran = here.run(f"env -i {given} {here.as_meant(job.split(maxsplit=5)[5])}")

    assert (ran.exit_code, ran.printed) == (0, "")


def test_the_workflow_is_one_and_runs_what_is_there() -> None:
    workflow = yaml.safe_load(_WORKFLOW.read_text(encoding="utf-8"))
    # YAML 1.1 reads `on` as true, and so does every reader of workflows put up with it.
    triggers = workflow[True]
    (job,) = workflow["jobs"].values()
    programs = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]

    assert set(workflow) == {"name", True, "permissions", "concurrency", "jobs"}
    assert triggers == {"issues": {"types": ["labeled"]}}
    assert workflow["permissions"] == {"contents": "read"}
    assert set(job) == {"if", "runs-on", "timeout-minutes", "steps"}
    assert job["timeout-minutes"] * 60 > 7200
    assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    assert all(re.search(r"@v\d+$", step["uses"]) for step in job["steps"] if "uses" in step)
    assert [program[0] for program in programs] == ["python"]
    assert all((ROOT / program[1]).is_file() for program in programs)


def test_no_text_of_an_issue_reaches_a_shell() -> None:
    workflow = yaml.safe_load(_WORKFLOW.read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    script = (_EXAMPLES / "delegate_issue.py").read_text(encoding="utf-8")

    assert not any("${{" in step.get("run", "") for step in steps)
    assert "shell=True" not in script


def test_the_crontab_on_the_page_is_the_file_and_of_a_crontabs_form() -> None:
    (shown,) = (block for block in blocks(_RECIPES) if block.file_name == "crontab")
    *_, job = shown.lines
    fields = job.split(maxsplit=5)

    assert shown.text == (_EXAMPLES / "crontab").read_text(encoding="utf-8")
    assert all(re.fullmatch(r"[\d*,/-]+", field) for field in fields[:5])
    assert fields[5].startswith("sh /home/me/bin/nightly.sh ")


def test_the_shell_scripts_are_posix() -> None:
    for script in _EXAMPLES.glob("*.sh"):
        subprocess.run(("sh", "-n", str(script)), check=True, timeout=30)  # noqa: S607 - any sh


def test_every_example_is_linked_from_a_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))

    unlinked = [each.name for each in _EXAMPLES.iterdir() if f"examples/{each.name})" not in pages]

    assert unlinked == []


def test_the_unit_of_the_worker_is_one_and_the_page_shows_its_settings() -> None:
    unit = configparser.RawConfigParser(strict=True)
    unit.optionxform = str  # systemd reads upper case
    unit.read_string((_EXAMPLES / "millracer-worker.service").read_text(encoding="utf-8"))
    shown = configparser.RawConfigParser()
    shown.optionxform = str
    (block,) = (each for each in blocks(_RECIPES) if each.file_name == "millracer-worker.service")
    shown.read_string(block.text)
    program, *words = shlex.split(unit["Service"]["ExecStart"])

    assert unit.sections() == ["Unit", "Service", "Install"]
    assert dict(shown["Service"]).items() <= dict(unit["Service"]).items()
    assert program == "%h/.local/bin/millracer"
    assert words[:2] == ["fleet", "worker"]
    assert unit["Service"]["RestartPreventExitStatus"] == str(int(ExitCode.USAGE))


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """Where systemd is installed; elsewhere its form alone is checked, above."""
    checker = shutil.which("systemd-analyze")
    if checker is None:
        return
    text = (_EXAMPLES / "millracer-worker.service").read_text(encoding="utf-8")
    unit = tmp_path / "millracer-worker.service"
    unit.write_text(text.replace("%h/.local/bin/millracer", "/bin/true"), encoding="utf-8")

    said = subprocess.run(
        (checker, "verify", "--user", "--man=no", str(unit)),
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "millracer-worker.service" not in said.stderr


def test_the_compose_file_is_one_and_keeps_what_names_the_host() -> None:
    text = (_EXAMPLES / "fleet-compose.yml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    worker = compose["services"]["worker"]
    targets = [each.rpartition(":")[2] for each in worker["volumes"]]

    assert set(compose) == {"services", "volumes", "secrets"}
    assert worker["command"][:3] == ["millracer", "fleet", "worker"]
    assert worker["init"] is True
    assert "/root/.local/share/millracer" in targets
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["database"]["ports"])
    assert "POSTGRES_PASSWORD" not in compose["services"]["database"]["environment"]
