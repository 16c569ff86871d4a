"""The merge gate of the page on certificates, run as a workflow runs it; no Millrace is needed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from millracer.domain.certificate import verification
from millracer.operations.certificates import verify as verify_module
from tests.docs.shown import ROOT
from tests.support.certificates import CertifiedWorkspace, check_fact

_SCRIPT = ROOT / "docs" / "examples" / "merge-gate.sh"
_WORKFLOW = ROOT / "docs" / "examples" / "merge-gate.yml"
_LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Gate:
    """A clone of a certified repository, as a runner has it."""

    certified: CertifiedWorkspace
    clone: Path
    programs: Path

    def note(self, commit: str, certificate: bytes) -> None:
        """Push a certificate as the note of a commit."""
        file = self.certified.root.parent / "certificate.json"
        file.write_bytes(certificate)
        notes = ("notes", "--ref", "certificates", "add", "--force", "--file", str(file), commit)
        self.certified.git(*notes)

    def run(self, commit: str, *checks: str, key: str | None = None) -> int:
        """Run the script beside the clone, and return its exit code."""
        return self.print(commit, *checks, key=key).returncode

    def print(
        self, commit: str, *checks: str, key: str | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the script beside the clone, and return its end and output."""
        trusted = str(self.certified.public) if key is None else key
        return subprocess.run(
            ("sh", str(_SCRIPT), str(self.clone), commit, trusted, *checks),  # noqa: S607 - any sh
            cwd=self.clone.parent,
            env={"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(self.programs)},
            capture_output=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    certified = CertifiedWorkspace.make(tmp_path / "certified")
    clone = tmp_path / "clone"
    certified.git("clone", "--quiet", str(certified.root), str(clone))
    programs = tmp_path / "bin"
    programs.mkdir()
    millracer = programs / "millracer"
    words = shlex.join((sys.executable, "-m", "millracer"))
    millracer.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {words} "$@"\n')
    millracer.chmod(0o755)
    return Gate(certified, clone, programs)


def test_only_a_certified_commit_passes_the_gate(gate: Gate) -> None:
    head = gate.certified.git("rev-parse", "HEAD")
    assert gate.run(head, "pytest -q") == 1  # it has no certificate

    certificate = gate.certified.sign(gate.certified.certificate(check_fact()))
    gate.note(head, certificate)
    assert gate.run(head, "pytest -q") == 0
    assert gate.run(head) == 0
    assert gate.run(head, "pytest -q", "ruff check 'a b'") == 3


def test_a_repository_without_a_remote_is_judged_by_its_own_notes(gate: Gate) -> None:
    own = replace(gate, clone=gate.certified.root)
    head = gate.certified.git("rev-parse", "HEAD")
    gate.note(head, gate.certified.sign(gate.certified.certificate()))

    ran = own.print(head)

    assert ran.returncode == 0
    assert b"fatal" not in ran.stderr


def test_the_certificate_of_an_older_commit_does_not_pass_the_gate(gate: Gate) -> None:
    certificate = gate.certified.sign(gate.certified.certificate())
    (gate.certified.root / "made.txt").write_text("more\n", encoding="utf-8")
    later = gate.certified.commit("more")
    gate.certified.git("push", "--quiet", str(gate.clone), "HEAD:refs/heads/later")
    gate.note(later, certificate)

    assert gate.run(later) == 4


def test_a_key_in_the_repository_under_test_is_not_the_trusted_one(
    gate: Gate, tmp_path: Path
) -> None:
    trusted = CertifiedWorkspace.make(tmp_path / "trusted").public
    shutil.copy(trusted, tmp_path / "trusted.pub")
    shutil.copy(gate.certified.public, gate.clone / "trusted.pub")
    head = gate.certified.git("rev-parse", "HEAD")
    gate.note(head, gate.certified.sign(gate.certified.certificate()))

    assert gate.run(head, key="trusted.pub") == 3
    shutil.copy(gate.certified.public, tmp_path / "trusted.pub")
    assert gate.run(head, key="trusted.pub") == 0


def test_the_gate_judges_the_commit_that_a_name_means(gate: Gate) -> None:
    gate.certified.git("tag", "--annotate", "--message", "release", "v1")
    gate.certified.git("push", "--quiet", str(gate.clone), "v1")
    gate.note("HEAD", gate.certified.sign(gate.certified.certificate()))

    assert gate.run("v1") == 0
    assert gate.run("--all") == 1
    assert gate.run("nowhere") == 1


def test_the_workflow_runs_the_script_of_the_target_branch() -> None:
    workflow = yaml.safe_load(_WORKFLOW.read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    steps = job["steps"]
    program = shlex.split(steps[-1]["run"])
    places = {
        step["with"]["path"]: step["with"] for step in steps if "path" in step.get("with", {})
    }

    assert workflow[True] == {"pull_request": None}
    assert workflow["permissions"] == {"contents": "read"}
    assert program[:2] == ["sh", "gate/docs/examples/merge-gate.sh"]
    assert _SCRIPT.is_file()
    assert "base.sha" in places["gate"]["ref"]
    assert "head.sha" in places["work"]["ref"]
    assert places["work"]["fetch-depth"] == 0
    assert not any("${{" in step.get("run", "") for step in steps)


def test_every_code_of_a_finding_is_listed_and_no_other() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    (section,) = (part for part in page.split("\n## ") if part.startswith("Verification of"))
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    listed = {code for cell in cells for code in re.findall(r"`([a-z_]+)`", cell)}
    envelope = ROOT / "millracer" / "certificate" / "envelope.py"
    modules = (Path(verification.__file__), Path(verify_module.__file__), envelope)
    source = "".join(each.read_text(encoding="utf-8") for each in modules)
    made = re.findall(r"(?:unverified|contradicted)\(\s*VerificationStep\.\w+,\s*\"(\w+)\"", source)

    assert listed == set(made)
