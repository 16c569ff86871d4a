"""Items of a fleet on the real Millrace: each ends once, with proof, although hosts are killed."""

from __future__ import annotations

import shlex
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from millracer import Client
from millracer.certificate.keys import FileKeys
from millracer.demo.scripted_model import MODEL_ID, PROVIDER
from millracer.demo.workspace import DemoWorkspace, prepare_demo
from millracer.domain.certificate.findings import FindingResult, VerificationStep
from millracer.domain.checks import WorkVerification
from millracer.domain.fleet.items import CancelVerdict, FleetItemState
from tests.support.cli import daemon_pid, stored, wait_until
from tests.support.real_fleet import RealFleet, RealHost, gate
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

NO_PI = ("--pi-command", "no-pi-is-needed")


@pytest.mark.ending
def test_an_item_is_proven_although_its_host_is_killed(
    real_fleet: RealFleet, tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(
        tmp_path / "workspace", millrace_command, Scenario({"builder": (Step(seconds=3),)})
    )
    host = real_fleet.host("ci-1", workspace.root, *NO_PI).start()
    wait_until(lambda: host.is_ready, "the host is ready")
    item = real_fleet.submit("ci-1", "ticket-1", "Mend the widget")
    wait_until(lambda: real_fleet.stage_of(item) == "builder", "the builder runs")
    host.kill()
    host.start()

    waited = real_fleet.call("wait", item, "--timeout", "120")

    detail = real_fleet.detail(item)
    assert waited.returncode == 0, waited.stderr
    assert (detail.item.completed, detail.item.attempts) == (True, 2)
    assert gate(detail)["scoped_completion"] is True
    assert gate(detail)["evidence_summary"]
    assert detail.result is not None
    assert detail.result["fleet"]["epoch"] == detail.item.epoch == 2
    assert workspace.stages(item) == ["builder", "checker", "updater"]
    assert host.stop() == 0
    assert daemon_pid(workspace) is None


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["lives", "dies"])
def test_a_running_item_is_taken_out_of_millrace(
    real_fleet: RealFleet, tmp_path: Path, millrace_command: str, fate: str
) -> None:
    workspace = make_workspace(
        tmp_path / "workspace", millrace_command, Scenario({"builder": (Step(seconds=40),)})
    )
    host = real_fleet.host("ci-1", workspace.root, *NO_PI).start()
    wait_until(lambda: host.is_ready, "the host is ready")
    item = real_fleet.submit("ci-1", "ticket-1", "Mend the widget")
    wait_until(lambda: real_fleet.stage_of(item) == "builder", "the builder runs")
    if fate == "dies":
        host.kill()

    assert real_fleet.store.cancel(item, "no longer wanted") is CancelVerdict.REQUESTED

    if fate == "dies":
        host.start()
    wait_until(lambda: real_fleet.detail(item).item.outcome is not None, "it ends")
    assert real_fleet.detail(item).item.outcome == "cancelled"
    path = stored(workspace, item)
    assert path is None or path.parent.name == "cancelled", path
    assert workspace.stages(item) == ["builder"]
    assert host.stop() == 0


@pytest.mark.slow
def test_an_interrupted_worker_leaves_its_item_in_the_queue(
    real_fleet: RealFleet, tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(
        tmp_path / "workspace", millrace_command, Scenario({"builder": (Step(seconds=40), Step())})
    )
    host = real_fleet.host("ci-1", workspace.root, *NO_PI).start()
    wait_until(lambda: host.is_ready, "the host is ready")
    item = real_fleet.submit("ci-1", "ticket-1", "Mend the widget")
    wait_until(lambda: real_fleet.stage_of(item) == "builder", "the builder runs")

    assert host.stop(signal.SIGINT) == 0

    assert daemon_pid(workspace) is None
    assert real_fleet.detail(item).item.outcome is None
    host.start()
    wait_until(lambda: real_fleet.detail(item).item.completed, "it is completed")
    assert real_fleet.detail(item).item.attempts == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_four_real_items_over_two_hosts_of_which_one_is_killed(
    real_fleet: RealFleet, tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    with ExitStack() as held:
        demos: dict[str, DemoWorkspace] = {}
        hosts: dict[str, RealHost] = {}
        for name in ("ci-1", "ci-2"):
            demos[name] = held.enter_context(
                prepare_demo(
                    tmp_path / f"demo-{name}",
                    shlex.split(millrace_command),
                    shlex.split(pi_command),
                )
            )
            hosts[name] = real_fleet.host(
                name,
                demos[name].root,
                *("--pi-command", pi_command, "--no-default-skills"),
                *("--provider", PROVIDER, "--model", MODEL_ID),
                **demos[name].environment,
            ).start()
        for host in hosts.values():
            wait_until(lambda host=host: host.is_ready, "a host is ready")
        items = [
            real_fleet.submit(name, f"ticket-{name}-{number}", demos[name].task)
            for number in (1, 2)
            for name in hosts
        ]
        wait_until(
            lambda: any(
                real_fleet.detail(item).item.state is FleetItemState.RUNNING
                and real_fleet.stage_of(item)
                for item in items[::2]
            ),
            "a stage runs on the first host",
        )
        hosts["ci-1"].kill()
        hosts["ci-1"].start()

        waited = real_fleet.call("wait", *items, "--timeout", "240")

        assert waited.returncode == 0, waited.stderr
        details = [real_fleet.detail(item) for item in items]
        assert all(each.item.completed for each in details)
        assert all(gate(each)["evidence_summary"] for each in details)
        assert sorted(each.item.attempts for each in details) == [1, 1, 1, 2]
        for name, demo in demos.items():
            lines = (demo.root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
            print(f"{name}: {len(demo.model.requests)} model calls, {lines}")  # noqa: T201 - shown by -s
        for host in hosts.values():
            assert host.stop() == 0


@pytest.mark.ending
def test_a_host_with_a_key_certifies_its_items_with_their_lease(
    real_fleet: RealFleet, tmp_path: Path, millrace_command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "keys-of-ci-1"
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(config))
    public = Path(FileKeys().new().path).with_suffix(".pub")
    step = Step(workspace_files={"made.txt": "made\n"})
    workspace = make_workspace(
        tmp_path / "workspace", millrace_command, Scenario({"builder": (step,)})
    )
    host = real_fleet.host("ci-1", workspace.root, *NO_PI).start()
    wait_until(lambda: host.is_ready, "the host is ready")
    check = shlex.join((sys.executable, "-c", "open('made.txt').read()"))

    item = real_fleet.submit("ci-1", "ticket-1", "Make it", "--check", check)

    waited = real_fleet.call("wait", item, "--timeout", "120")
    assert waited.returncode == 0, waited.stderr
    detail = real_fleet.detail(item)
    assert detail.result is not None
    assert "certificate_not_made" not in [each["code"] for each in detail.result["warnings"]], (
        detail.result["warnings"]
    )
    shown = real_fleet.call("show", item, "--certificate")
    file = tmp_path / "certificate.json"
    file.write_text(shown.stdout, encoding="utf-8")
    with Client(workspace.root, fleet=real_fleet.file) as client:
        verified = client.verify(
            file.read_bytes(),
            keys=[str(public)],
            with_evidence=True,
            with_lease=True,
            required_checks=[shlex.split(check)],
        )
    results = {each.step: (each.result, each.message) for each in verified.findings}
    assert verified.verification is WorkVerification.VERIFIED, results
    assert results[VerificationStep.LEASE][0] is FindingResult.PASSED
    assert results[VerificationStep.CHECKS][0] is FindingResult.PASSED
    assert host.stop() == 0
