"""The signed certificate of a fleet's item: shown, and verified against the fleet's database."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from millracer.domain.certificate.content import CertifiedLease
from millracer.domain.fleet.hosts import Lease
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.worker.result import certified_lease, with_certificate, with_lease
from tests.conformance.fleet.scenes import new_uuid, result_of
from tests.integration.fleet_commands.conftest import FleetCaller
from tests.support.certificates import CertifiedWorkspace

_ENGINE = "dbos 3.4.0"
_VERIFIED, _UNVERIFIED, _CONTRADICTED = 0, 3, 4


class Certified:
    """An item that a host has taken, and the workspace in which Millrace completed it."""

    def __init__(self, called: FleetCaller, folder: Path) -> None:
        self.called = called
        self.folder = folder
        self.item = called.submit()
        self.lease = called.host.run_next()
        self.workspace = CertifiedWorkspace.make(folder / "certified", self.item)

    def sign(self, lease: CertifiedLease | None) -> bytes:
        """Return a certificate of the item, signed with the trusted key."""
        made = self.workspace.certificate(item_id=self.item)
        return self.workspace.sign(replace(made, fleet=lease))

    def deliver(self, lease: Lease, envelope: bytes, *, completed: bool = True) -> None:
        """Let the host deliver a result with a certificate."""
        result = with_lease(result_of(lease, completed=completed), certified_lease(lease, _ENGINE))
        result = with_certificate(result, json.loads(envelope))
        assert self.called.host.store.deliver(lease, result)
        self.called.scene.end_dispatch(self.item, DispatchStatus.SUCCESS)

    def verify(
        self, envelope: bytes, fleet: Path | None = None, *, with_fleet: bool = True
    ) -> tuple[int, set[str]]:
        """Verify a certificate: the exit code, and the codes of the findings."""
        file = self.folder / "certificate.json"
        file.write_bytes(envelope)
        words = ["verify", str(file), "--key", str(self.workspace.public), "--json"]
        if with_fleet:
            words += ["--fleet", str(fleet or self.called.file)]
        printed = self.called.caller.run(*words)
        assert printed.document["errors"] == []
        return printed.exit_code, {
            each["code"] for each in printed.document["findings"] if each["code"]
        }


@pytest.fixture
def certified(called: FleetCaller, tmp_path: Path) -> Certified:
    return Certified(called, tmp_path)


def test_the_certificate_is_shown_as_it_was_signed_and_verified(certified: Certified) -> None:
    envelope = certified.sign(certified_lease(certified.lease, _ENGINE))
    certified.deliver(certified.lease, envelope)

    printed = certified.called.run("show", certified.item, "--certificate")

    assert (printed.exit_code, json.loads(printed.stdout)) == (0, json.loads(envelope))
    shown = certified.called.run("show", certified.item, "--json").document
    assert shown["signed_certificate"] == json.loads(envelope)
    assert "certificate" not in shown["result"]
    assert certified.verify(printed.stdout.encode()) == (_VERIFIED, set())
    assert certified.verify(envelope, with_fleet=False) == (_VERIFIED, set())


def test_an_item_without_a_certificate(called: FleetCaller) -> None:
    item = called.submit()
    printed = called.run("show", item, "--certificate")
    assert (printed.exit_code, printed.stdout) == (3, "")
    assert "fleet wait" in printed.stderr

    called.end(called.host.run_next())
    printed = called.run("show", item, "--certificate")
    assert (printed.exit_code, printed.stdout) == (8, "")
    assert "certify" in printed.stderr


def test_a_certificate_of_a_former_lease_is_contradicted(certified: Certified) -> None:
    former = certified.sign(certified_lease(certified.lease, _ENGINE))
    lease = certified.called.host.take(certified.item)
    certified.deliver(lease, former)

    stored = certified.called.run("show", certified.item, "--certificate").stdout.encode()

    assert certified.verify(stored) == (_CONTRADICTED, {"other_lease"})
    assert certified.verify(stored, with_fleet=False) == (_VERIFIED, set())


@pytest.mark.parametrize(
    "changes", [{"identity": new_uuid()}, {"host": "b"}, {"session": new_uuid()}]
)
def test_a_certificate_of_another_host_is_contradicted(
    certified: Certified, changes: dict[str, Any]
) -> None:
    own = certified_lease(certified.lease, _ENGINE)
    certified.deliver(certified.lease, certified.sign(own))

    other = certified.sign(replace(own, **changes))

    assert certified.verify(other) == (_CONTRADICTED, {"other_lease"})


def test_a_lease_that_was_not_signed_is_not_believed(certified: Certified) -> None:
    own = certified_lease(certified.lease, _ENGINE)
    plain, signed = (json.loads(certified.sign(each)) for each in (None, own))
    certified.deliver(certified.lease, json.dumps(plain).encode())

    added = json.dumps({**plain, "payload": signed["payload"]}).encode()
    beside = json.dumps({**plain, "fleet": with_lease({}, own)["fleet"]}).encode()

    assert certified.verify(added) == (_CONTRADICTED, {"signature_invalid"})
    assert certified.verify(beside) == (_UNVERIFIED, {"lease_missing"})


def test_a_lease_of_another_item_is_contradicted(certified: Certified) -> None:
    own = certified_lease(certified.lease, _ENGINE)

    other = certified.sign(replace(own, item="another-item"))

    expected = (_CONTRADICTED, {"lease_of_other_item"})
    assert certified.verify(other, with_fleet=False) == expected


def test_a_malformed_lease_is_not_read(certified: Certified) -> None:
    own = certified.sign(certified_lease(certified.lease, _ENGINE))
    statement = json.loads(base64.b64decode(json.loads(own)["payload"]))
    statement["predicate"]["fleet"] = {"item": certified.item}

    malformed = certified.workspace.sign_bytes(json.dumps(statement).encode())

    assert certified.verify(malformed) == (_UNVERIFIED, {"not_a_completion"})


def test_an_item_that_is_not_completed_in_the_fleet_is_contradicted(certified: Certified) -> None:
    envelope = certified.sign(certified_lease(certified.lease, _ENGINE))
    assert certified.verify(envelope) == (_UNVERIFIED, {"lease_unknown"})

    certified.deliver(certified.lease, envelope, completed=False)

    assert certified.verify(envelope) == (_CONTRADICTED, {"fleet_outcome_differs"})


def test_a_database_that_is_away_leaves_the_lease_unverified(certified: Certified) -> None:
    envelope = certified.sign(certified_lease(certified.lease, _ENGINE))
    away = certified.folder / "away.toml"
    away.write_text('url = "postgresql://nobody@127.0.0.1:1/fleet"\n', encoding="utf-8")
    away.chmod(0o600)

    assert certified.verify(envelope, away) == (_UNVERIFIED, {"fleet_unreachable"})
