"""Certificates for tests: their content, and workspaces whose files prove it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from millracer.certificate.keys import FileKeys
from millracer.domain.certificate.content import (
    Byproduct,
    Certificate,
    CertifiedLease,
    conclude,
    facts_of,
    strip_words,
)
from millracer.domain.certificate.names import PAYLOAD_TYPE
from millracer.domain.certificate.verification import FoundEvidence
from millracer.domain.checks import Argv
from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import (
    CheckFact,
    ClosureFact,
    Evidence,
    ItemFact,
    SpawnFact,
    StageFact,
    StageProof,
)
from millracer.domain.run.result import Versions
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.millrace.backend import CliMillrace
from millracer.schemas.certificate.statement import write_statement
from tests.support.fake_millrace import FakeMillrace
from tests.support.lineage import LineageFiles

ENQUEUED = datetime(2026, 11, 22, 10, tzinfo=UTC)
STAGE_ENDED = datetime(2026, 11, 22, 11, tzinfo=UTC)
READ = datetime(2026, 11, 22, 12, tzinfo=UTC)
MADE = datetime(2026, 11, 22, 13, tzinfo=UTC)
TREE = "7" * 40
ITEM = "fix-it-1"
CHECK: Argv = ("pytest", "-q")
_GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@localhost")
_LIMIT_SECONDS = 30


def check_fact(argv: Argv = CHECK, exit_code: int | None = 0, tree: str | None = TREE) -> CheckFact:
    return CheckFact(
        item_id=ITEM,
        argv=argv,
        exit_code=exit_code,
        problem="" if exit_code is not None else "it did not end",
        seconds=1.5,
        output_sha256="e" * 64,
        tree=tree,
        source=" ".join(argv),
        observed_at=READ,
    )


def _item(item_id: str, work_kind: str, folder: str = "tasks/done") -> ItemFact:
    return ItemFact(
        item_id=item_id,
        work_kind=work_kind,
        state=ItemState.DONE,
        source=f"millrace-agents/{folder}/{item_id}.md",
        observed_at=READ,
    )


def _stage(run_id: str, item_id: str, work_kind: str, proves: StageProof) -> StageFact:
    closes = proves is StageProof.SPEC_CLOSED
    return StageFact(
        run_id=run_id,
        item_id=item_id,
        work_kind=work_kind,
        stage="arbiter" if closes else "updater",
        terminal_result="ARBITER_COMPLETE" if closes else "UPDATE_COMPLETE",
        run_status="complete",
        proves=proves,
        counts=True,
        root_spec_id=item_id if closes else None,
        completed_at=STAGE_ENDED,
        source=f"millrace-agents/runs/{run_id}/run_trace.json",
        observed_at=READ,
    )


def _spawn(child_id: str, child_kind: str, run_id: str | None) -> SpawnFact:
    return SpawnFact(
        parent_id=ITEM,
        child_id=child_id,
        child_kind=child_kind,
        how="it was derived",
        source=f"millrace-agents/notes/{child_id}.json",
        observed_at=READ,
        run_id=run_id,
    )


def task_evidence() -> Evidence:
    return Evidence(
        item_id=ITEM,
        kind=IntakeKind.TASK,
        items=(_item(ITEM, "task"),),
        stages=(_stage("run-1", ITEM, "task", StageProof.WORK_RECORDED),),
    )


def probe_evidence() -> Evidence:
    return Evidence(
        item_id=ITEM,
        kind=IntakeKind.PROBE,
        items=(_item(ITEM, "probe", "probes/done"), _item("task-1", "task")),
        stages=(
            _stage("run-1", ITEM, "probe", StageProof.LEADS_TO_TASK),
            _stage("run-2", "task-1", "task", StageProof.WORK_RECORDED),
        ),
        spawns=(_spawn("task-1", "task", "run-1"),),
    )


def idea_evidence() -> Evidence:
    return Evidence(
        item_id=ITEM,
        kind=IntakeKind.IDEA,
        items=(_item(ITEM, "idea", "specs/done"), _item("spec-1", "spec", "specs/done")),
        stages=(_stage("run-1", "spec-1", "spec", StageProof.SPEC_CLOSED),),
        spawns=(_spawn("spec-1", "spec", None),),
        closures=(
            ClosureFact(
                root_spec_id="spec-1",
                open=False,
                closing_run_id="run-1",
                blocked_by_lineage_work=False,
                blocking_ids=(),
                source="millrace-agents/arbiter/targets/spec-1.json",
                observed_at=READ,
            ),
        ),
    )


def certificate_of(evidence: Evidence, *checks: CheckFact) -> Certificate:
    """Return a certificate of evidence with checks, all of which it demands."""
    evidence = replace(
        evidence, demanded_checks=tuple(check.argv for check in checks), checks=checks
    )
    kinds = [fact.work_kind for fact in evidence.items if fact.item_id == evidence.item_id]
    return concluded(
        Certificate(
            tree=TREE,
            item_id=evidence.item_id,
            work_kind=kinds[0],
            request_hash="a" * 64,
            base_commit="9" * 40,
            enqueued_at=ENQUEUED,
            made_at=MADE,
            invocation_id="9e8f127d/2",
            versions=Versions(millracer="0.5.0", millrace="0.21.1", pi="1.6.0"),
            evidence=evidence,
            byproducts=tuple(
                Byproduct(name=name, sha256="b" * 64)
                for name in sorted({fact.source for fact in facts_of(evidence)})
            ),
            limits=("files that git ignores: build/",),
            conclusion=conclude(evidence),
        )
    )


def lease(**changes: Any) -> CertifiedLease:
    """Return a lease of the item."""
    values: dict[str, Any] = {
        "item": ITEM,
        "dispatch": 1,
        "workspace": "shop",
        "identity": "7a0d4c8e-0000-4000-8000-00000000000a",
        "host": "ci-1",
        "session": "7a0d4c8e-0000-4000-8000-000000000001",
        "epoch": 3,
        "attempt": 2,
        "claimed_at": ENQUEUED,
        "engine": "dbos 3.4.0",
    }
    return CertifiedLease(**{**values, **changes})


def concluded(certificate: Certificate) -> Certificate:
    """Return a certificate with the conclusion that its evidence gives: a careful forgery."""
    return replace(certificate, conclusion=conclude(certificate.evidence))


def found_evidence(certificate: Certificate) -> FoundEvidence:
    """Return the evidence of a workspace in which nothing changed."""
    return FoundEvidence(
        evidence=replace(certificate.evidence, demanded_checks=(), checks=()),
        digests={each.name: each.sha256 for each in certificate.byproducts},
    )


@dataclass(frozen=True, slots=True)
class CertifiedWorkspace:
    """A repository with a completed task in Millrace's files, and the keys of a user."""

    root: Path
    keys: FileKeys
    public: Path

    @classmethod
    def make(cls, folder: Path, item_id: str = ITEM) -> CertifiedWorkspace:
        """Create one in an empty folder, with two commits: before the work, and after it."""
        root, config = folder / "workspace", folder / "config"
        root.mkdir(parents=True)
        keys = FileKeys({"MILLRACER_CONFIG_DIR": str(config)})
        public = Path(keys.new().path).with_suffix(".pub")
        made = cls(root, keys, public)
        made.git("init", "--quiet", "--initial-branch", "main")
        (root / ".gitignore").write_text("millrace-agents/\n.millracer/\n", encoding="utf-8")
        made.commit("before")
        (root / "made.txt").write_text("made\n", encoding="utf-8")
        made.commit("the work")
        made.add_task(item_id)
        return made

    @property
    def files(self) -> LineageFiles:
        """Millrace's files."""
        return LineageFiles(self.root / "millrace-agents")

    def add_task(self, item_id: str, folder: str = "done", run_id: str | None = None) -> None:
        """Write a task whose updater ended in Millrace's files."""
        self.files.document("task", item_id, folder)
        self.files.run(run_id or f"run-{item_id}", "task", item_id, "updater", "UPDATE_COMPLETE")

    def git(self, *arguments: str) -> str:
        """Run git and return its output."""
        ran = subprocess.run(
            (*_GIT, *arguments),
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
        )
        return ran.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit all files and return the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def certificate(self, *checks: CheckFact, item_id: str = ITEM) -> Certificate:
        """Return the certificate of a task, from the files."""
        millrace = CliMillrace(FakeMillrace.of(self.root).calls, safety_seconds=1, now=lambda: READ)
        status = ItemStatus(
            item_id=item_id,
            state=ItemState.DONE,
            source="",
            observed_at=READ,
            kind=IntakeKind.TASK,
            work_kind="task",
        )
        raw = millrace.trace_lineage(status)
        digests = millrace.digest_files(millrace.evidence_files(raw))
        tree = self.git("rev-parse", "HEAD^{tree}")
        checks = tuple(replace(check, tree=tree) for check in checks)
        made = certificate_of(strip_words(replace(raw, result_names={}), str(self.root)), *checks)
        return replace(
            made,
            tree=tree,
            base_commit=self.git("rev-parse", "HEAD~1"),
            byproducts=tuple(
                Byproduct(name=name, sha256=digest)
                for name, digest in digests.items()
                if digest is not None
            ),
        )

    def sign(self, certificate: Certificate) -> bytes:
        """Return the signed file of a certificate."""
        return self.sign_bytes(write_statement(certificate))

    def sign_bytes(self, payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
        """Return any payload, signed with the user's key."""
        signer = self.keys.signer(None, str(self.root))
        return json.dumps(signer.sign(payload, payload_type)).encode()


def later(certificate: Certificate, **hours: float) -> datetime:
    """Return a time after the certificate was made."""
    return certificate.made_at + timedelta(**hours)
