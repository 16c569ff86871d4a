"""Plays the part of the `millrace` command that a daemon's life needs; standard library only.

Knows `run daemon`, `control stop`, `control clear-stale-state` and `compile validate`, with
Millrace's files and words. `<workspace>/fake.json` sets its behaviour:

    die_with       print `error: <text>` and exit 1 at start
    die_locked     the same, but after a moment with the lock in hand
    boot_seconds   how long it takes to the lock
    deaf_to_stop   does not read its mailbox
    deaf_to_term   ignores SIGTERM
    detached       starts a process in a session of its own that ignores SIGTERM
    forgetful      starts such a process in its own group, without its environment
    clear_seconds  how long clear-stale-state takes
    clear_with     what clear-stale-state refuses with, and does nothing
    clear_nothing  clear-stale-state succeeds, and does nothing
    active         takes the queued item into its active folder, where it stays

Every call is noted in `<workspace>/calls.log`. Nothing here lives longer than two minutes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

LIFETIME_SECONDS = 120.0


def now() -> str:
    return datetime.now(UTC).isoformat()


class Workspace:
    def __init__(self, root: Path) -> None:
        self.agents = root / "millrace-agents"
        self.lock = self.agents / "state" / "runtime_daemon.lock.json"
        self.snapshot = self.agents / "state" / "runtime_snapshot.json"
        self.events = self.agents / "logs" / "runtime_events.jsonl"
        self.incoming = self.agents / "state" / "mailbox" / "incoming"
        self.queue = self.agents / "tasks" / "queue"
        self.active = self.agents / "tasks" / "active"
        for folder in (self.incoming, self.events.parent, self.queue, self.active):
            folder.mkdir(parents=True, exist_ok=True)

    def write_snapshot(self, **changes: object) -> None:
        document = {
            "process_running": False,
            "stop_requested": False,
            "paused": False,
            "active_mode_id": "lad_pi",
            "active_runs_by_plane": {},
            "updated_at": now(),
            **changes,
        }
        temporary = self.snapshot.with_name(f".{self.snapshot.name}.tmp-{os.getpid()}")
        temporary.write_text(json.dumps(document), encoding="utf-8")
        temporary.replace(self.snapshot)

    def record(self, event_type: str) -> None:
        line = {"data": {}, "event_type": event_type, "occurred_at": now()}
        with self.events.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def lock_owner(self) -> int | None:
        try:
            return int(json.loads(self.lock.read_text(encoding="utf-8"))["owner_pid"])
        except ValueError:
            return None


def is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refuse(words: str) -> int:
    print(f"error: {words}", flush=True)  # noqa: T201 - a command's output
    return 1


def run_daemon(workspace: Workspace, behaviour: dict) -> int:
    if behaviour.get("die_with"):
        return refuse(behaviour["die_with"])
    if behaviour.get("deaf_to_term"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(behaviour.get("boot_seconds", 0.0))
    try:
        with workspace.lock.open("x", encoding="utf-8") as lock:
            owner = {"owner_pid": os.getpid(), "owner_hostname": socket.gethostname()}
            json.dump({**owner, "acquired_at": now()}, lock)
    except FileExistsError:
        owner = workspace.lock_owner()
        if is_alive(owner):
            return refuse(f"workspace runtime ownership lock is already held by pid={owner}")
        return refuse("workspace runtime ownership lock is stale: run clear-stale-state")
    if behaviour.get("die_locked"):
        time.sleep(0.3)
        workspace.lock.unlink()
        return refuse(behaviour["die_locked"])
    workspace.write_snapshot(process_running=True)
    workspace.record("runtime_started")
    sleeper = [sys.executable, "-IS", __file__, "sleeper"]
    if behaviour.get("detached"):
        subprocess.Popen(sleeper, start_new_session=True)
    if behaviour.get("forgetful"):
        subprocess.Popen(sleeper, env={})
    if behaviour.get("active"):
        for document in workspace.queue.glob("*.md"):
            document.replace(workspace.active / document.name)
    return tick(workspace, behaviour)


def tick(workspace: Workspace, behaviour: dict) -> int:
    limit = time.monotonic() + LIFETIME_SECONDS
    while time.monotonic() < limit:
        if list(workspace.incoming.glob("stop*")) and not behaviour.get("deaf_to_stop"):
            break
        time.sleep(0.02)
    workspace.write_snapshot()
    workspace.record("runtime_tick_stopped")
    workspace.lock.unlink()
    return 0


def clear_stale_state(workspace: Workspace, behaviour: dict) -> int:
    time.sleep(behaviour.get("clear_seconds", 0.0))
    if behaviour.get("clear_with"):
        return refuse(behaviour["clear_with"])
    if behaviour.get("clear_nothing"):
        return 0
    if workspace.lock.exists():
        if is_alive(workspace.lock_owner()):
            return 0
        workspace.lock.unlink()
    for document in workspace.active.glob("*.md"):
        document.replace(workspace.queue / document.name)
    for command in workspace.incoming.glob("stop*"):
        command.unlink()
    workspace.write_snapshot()
    return 0


def ask_to_stop(workspace: Workspace) -> int:
    command = f"stop-{os.getpid()}"
    (workspace.incoming / f"{command}.json").write_text("{}", encoding="utf-8")
    print(f"action: stop\nmode: mailbox\napplied: false\ncommand_id: {command}")  # noqa: T201 - a command output
    return 0


def validate(mode: str) -> int:
    known = mode != "nope"
    print(f"ok: {'true' if known else 'false'}\nmode_id: {mode}")  # noqa: T201 - a command's output
    return 0 if known else refuse(f"Unknown mode id: {mode}")


def sleep_on() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(LIFETIME_SECONDS)
    return 0


def main(argv: list[str]) -> int:
    if argv[0] == "sleeper":
        return sleep_on()
    root = Path(argv[argv.index("--workspace") + 1])
    with (root / "calls.log").open("a", encoding="utf-8") as calls:
        calls.write(" ".join(argv[:2]) + "\n")
    settings = root / "fake.json"
    behaviour = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    workspace = Workspace(root)
    match argv[:2]:
        case ["run", "daemon"]:
            return run_daemon(workspace, behaviour)
        case ["control", "stop"]:
            return ask_to_stop(workspace)
        case ["control", "clear-stale-state"]:
            return clear_stale_state(workspace, behaviour)
        case ["compile", "validate"]:
            return validate(argv[argv.index("--mode") + 1])
        case _:
            return refuse("this stand-in does not know the command")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
