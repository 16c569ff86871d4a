"""Records what a real Millrace prints and leaves into fixtures/millrace/<version>/.

Run by `make fixtures`, once for each supported version. The program is named by the environment
variable MILLRACER_TEST_MILLRACE. It works in a throw-away workspace with the scripted stage runner
of the tests, so no model and no credentials are needed. What was recorded, from which version, with
which paths replaced, and how to do it again is in each folder's manifest.json.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import WorkItem
from millracer.millrace.intake.documents import IntakeDocument, render_document
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

ROOT = Path(__file__).resolve().parents[2]

VARIABLE = "MILLRACER_TEST_MILLRACE"
CALL_SECONDS = 60
DAEMON_SECONDS = 90
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_BLOCKED = Step(marker="BLOCKED")
_SCENARIO = Scenario(
    steps={
        "builder:stuck": (_BLOCKED,),
        "troubleshooter:stuck": (_BLOCKED,),
        "consultant:stuck": (_BLOCKED,),
    }
)


class Recorder:
    """Calls the program in the workspace and keeps each answer as one file."""

    def __init__(self, command: Path, workspace: Path, folder: Path) -> None:
        self._command = command
        self._workspace = workspace
        self._folder = folder
        self.calls: dict[str, list[str]] = {}
        self.files: dict[str, str] = {}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call the program without keeping its answer."""
        return subprocess.run(
            (str(self._command), *arguments),
            cwd=self._workspace,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "400"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CALL_SECONDS,
            check=False,
        )

    def record(self, name: str, *arguments: str) -> None:
        """Call the program in the workspace and keep the answer as `<name>.json`."""
        completed = self.run(*arguments, "--workspace", str(self._workspace))
        answer = {
            "argv": ["millrace", *(self._shown(argument) for argument in arguments)],
            "exit_code": completed.returncode,
            "stdout": self._shown(completed.stdout),
            "stderr": self._shown(without_frames(completed.stderr)),
        }
        self._write(f"{name}.json", json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
        self.calls[f"{name}.json"] = answer["argv"]

    def keep(self, name: str, path: Path) -> None:
        """Keep a file that Millrace wrote."""
        self._write(name, self._shown(path.read_text(encoding="utf-8")))
        self.files[name] = self._shown(str(path))

    def _shown(self, text: str) -> str:
        venv = self._command.resolve().parents[2]
        for path, name in (
            (self._workspace, "/workspace"),
            (self._workspace.parent, "/intake"),
            (venv, "/venv"),
        ):
            text = text.replace(str(path), name)
        return text

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8")


def main() -> int:
    """Record one version; return the exit code."""
    command = os.environ.get(VARIABLE)
    if not command or not os.access(command, os.X_OK):
        print(f"{VARIABLE} must name the millrace executable to record", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="millracer-fixtures-") as temporary:
        answer = subprocess.run(
            (command, "--version"), capture_output=True, text=True, timeout=CALL_SECONDS, check=True
        )
        version = answer.stdout.split()[-1]
        folder = ROOT / "fixtures" / "millrace" / version
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        base = Path(temporary).resolve()
        workspace = make_workspace(base / "workspace", command, _SCENARIO)
        recorder = Recorder(Path(command).absolute(), workspace.root, folder)
        record_without_init(recorder, base)
        record_before_daemon(recorder, base)
        with running_daemon(recorder, workspace) as daemon:
            record_with_daemon(recorder, workspace, base, daemon)
        record_after_daemon(recorder, workspace)
        write_manifest(folder, version, recorder)
    print(f"recorded {len(recorder.calls) + len(recorder.files)} files in {folder}")
    return 0


def record_without_init(recorder: Recorder, base: Path) -> None:
    """Record the refusals of a directory that was never initialised."""
    bare = Recorder(recorder._command, base / "bare", recorder._folder)
    (base / "bare").mkdir()
    bare.record("show-uninitialised", "queue", "show", "plain")
    bare.record("status-uninitialised", "status", "--format", "json")
    bare.record("init", "init")
    recorder.calls |= bare.calls


def record_before_daemon(recorder: Recorder, base: Path) -> None:
    """Record adding, and every state an item can have before a daemon has run."""
    recorder.record("status-fresh", "status", "--format", "json")
    recorder.record("show-absent", "queue", "show", "plain")
    for name, kind, item_id in (
        ("add-task", IntakeKind.TASK, "plain"),
        ("add-probe", IntakeKind.PROBE, "looked-at"),
        ("add-idea", IntakeKind.IDEA, "shaped"),
    ):
        path = write_document(base, kind, item_id)
        recorder.record(name, "queue", f"add-{kind.value}", path)
        recorder.record(f"{name}-duplicate", "queue", f"add-{kind.value}", path)
    malformed = base / "malformed.md"
    malformed.write_text("no heading\n", encoding="utf-8")
    recorder.record("add-task-refused", "queue", "add-task", str(malformed))
    for item_id in ("stuck", "dropped", "replaced"):
        path = write_document(base, IntakeKind.TASK, item_id)
        recorder.record(f"add-task-{item_id}", "queue", "add-task", path)
    recorder.record("show-queued", "queue", "show", "plain")
    recorder.record("show-probe-queued", "queue", "show", "looked-at")
    recorder.record("cancel", "queue", "cancel", "dropped", "--reason", "not needed")
    recorder.record("show-cancelled", "queue", "show", "dropped")
    recorder.record(
        "supersede", "queue", "supersede", "replaced", "--replacement", "plain", "--reason", "same"
    )
    recorder.record("show-superseded", "queue", "show", "replaced")
    recorder.record("status-queued", "status", "--format", "json")
    recorder.record("runs-ls-empty", "runs", "ls")
    recorder.record("runs-trace-absent", "runs", "trace", "run-none", "--format", "json")


def record_with_daemon(
    recorder: Recorder, workspace: Workspace, base: Path, daemon: subprocess.Popen[bytes]
) -> None:
    """Record finished and blocked items, and the mailbox of a running daemon."""
    agents = workspace.agents
    for path in (
        agents / "tasks/done/plain.md",
        agents / "tasks/blocked/stuck.md",
        agents / "tasks/done/looked-at-task.md",
    ):
        until(path.is_file, f"{path.name} in {path.parent.name}")
    until(lambda: any((agents / "specs/done").glob("*.md")), "the end of the idea's spec")
    until(lambda: any((agents / "tasks/done").glob("idea-*.md")), "the end of the idea's task")
    recorder.record("status-drained", "status", "--format", "json")
    incoming = agents / "state/mailbox/incoming"
    daemon.send_signal(signal.SIGSTOP)
    try:
        recorder.record("add-task-mailbox", "queue", "add-task", document_path(base, "stuck"))
        waiting = next(path for path in incoming.iterdir() if path.suffix == ".json")
        recorder.keep("mailbox-incoming.json", waiting)
    finally:
        daemon.send_signal(signal.SIGCONT)
    failed = agents / "state/mailbox/failed" / waiting.name
    until(failed.is_file, "the refusal of the duplicate")
    recorder.keep("mailbox-failed.json", failed)


def record_after_daemon(recorder: Recorder, workspace: Workspace) -> None:
    """Record what is left when nothing runs any more."""
    agents = workspace.agents
    recorder.record("status-stopped", "status", "--format", "json")
    recorder.record("show-done", "queue", "show", "plain")
    recorder.record("show-blocked", "queue", "show", "stuck")
    recorder.record("show-probe-done", "queue", "show", "looked-at")
    spec = next((agents / "specs/done").glob("*.md")).stem
    recorder.record("show-spec-done", "queue", "show", spec)
    recorder.record("runs-ls", "runs", "ls")
    recorder.keep("events.jsonl", agents / "logs/runtime_events.jsonl")
    events = [
        json.loads(line)["data"]
        for line in (agents / "logs/runtime_events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for name, item_id in (("done", "plain"), ("blocked", "stuck"), ("probe", "looked-at")):
        run_id = next(data["run_id"] for data in events if data.get("work_item_id") == item_id)
        recorder.record(f"runs-trace-{name}", "runs", "trace", run_id, "--format", "json")
    recorder.record("archive", "queue", "archive-blocked", "stuck", "--reason", "given up")
    recorder.record("show-archived", "queue", "show", "stuck")
    recorder.keep("interventions.jsonl", agents / "tasks/blocked/cancelled/interventions.jsonl")
    recorder.keep("invalid-artifacts.jsonl", agents / "tasks/queue/invalid-artifacts.jsonl")
    recorder.keep("closure-target.json", agents / f"arbiter/targets/{spec}.json")
    note = agents / f"intake/ideas/normalized/{spec}.json"
    if note.is_file():
        recorder.keep("normalized-idea.json", note)
    (agents / "tasks/queue/torn.md").write_text("# Torn\n", encoding="utf-8")
    recorder.record("show-unreadable", "queue", "show", "torn")


@contextmanager
def running_daemon(recorder: Recorder, workspace: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon over the queue and an unreadable file; stop it at the end, whatever happens."""
    torn = workspace.agents / "tasks/queue/unreadable.md"
    torn.write_text("# Unreadable\n", encoding="utf-8")
    log = workspace.root.with_name("daemon.log")
    arguments = ("run", "daemon", "--mode", "default_pi", "--monitor", "none")
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            (str(recorder._command), *arguments, "--workspace", str(workspace.root)),
            cwd=workspace.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield daemon
        recorder.record("control-stop", "control", "stop")
        daemon.wait(timeout=DAEMON_SECONDS)
    finally:
        if daemon.poll() is None:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()


def write_manifest(folder: Path, version: str, recorder: Recorder) -> None:
    """Describe the records, their versions, and how to record again."""
    manifest = {
        "tool": "millrace-ai",
        "version": version,
        "recorded_by": "tests/recording/fixtures.py",
        "record_again": "make fixtures",
        "recorded_on": datetime.now(UTC).date().isoformat(),
        "normalised": {
            "/workspace": "the workspace's path",
            "/intake": "where the documents lay that were added",
            "/venv": "the environment Millrace is installed in",
        },
        "stderr": "without the boxed frames of tracebacks",
        "calls": recorder.calls,
        "files": recorder.files,
    }
    text = json.dumps(manifest, indent=1) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def without_frames(stderr: str) -> str:
    """Leave a traceback's boxes out; they show Millrace's source and local variables."""
    kept = [line for line in stderr.split("\n") if not line.startswith(("│", "╭", "╰"))]
    return "\n".join(kept)


def write_document(base: Path, kind: IntakeKind, item_id: str) -> str:
    """Write an intake document of Millracer and return its path."""
    item = WorkItem(item_id=item_id, request_hash=item_id.encode().hex().rjust(64, "0"), named=True)
    body = RequestBody(task=f"Do {item_id}\n\n    exactly so")
    document: IntakeDocument = render_document(item, kind, body, created_at=CREATED)
    path = base / document.file_name
    path.write_text(document.text, encoding="utf-8")
    return str(path)


def document_path(base: Path, item_id: str) -> str:
    """Return where a task's document was written."""
    return str(base / f"{item_id}.task.md")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for the daemon to get somewhere."""
    deadline = time.monotonic() + DAEMON_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Millrace did not come to {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
