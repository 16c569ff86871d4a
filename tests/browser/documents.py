"""Documents of the HTTP API for the stub server, with every key of the published schemas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]

MILLRACE = "0.21.1"


def ago(seconds: float) -> str:
    """Return the time so many seconds ago, as documents write it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def step(action: str, command: str) -> Document:
    return {"action": action, "command": command}


def error(code: str, message: str, action: str | None = None) -> Document:
    return {"code": code, "message": message, "suggested_action": action, "field": None}


def tokens(read: int, written: int, cached: int = 0) -> Document:
    return {
        "input": read,
        "cached": cached,
        "output": written,
        "thinking": written // 3,
        "total": read + cached + written,
    }


def stage(  # noqa: PLR0913 - the keys of the document
    item: str,
    name: str,
    result: str | None,
    started: str,
    seconds: float | None,
    *,
    run: str = "run-e55c8b1d",
    usage: Document | None = None,
    cost: float | None = None,
    failure: str | None = None,
) -> Document:
    folder = f"millrace-agents/runs/{run}"
    return {
        "work_item_id": item,
        "run_id": run,
        "stage": name,
        "result": result,
        "failure_class": failure,
        "started_at": started,
        "seconds": seconds,
        "tokens": usage,
        "cost_usd": cost,
        "cost_unknown": None if cost is not None else "Millrace kept no transcript",
        "model": "anthropic/claude-sonnet-5",
        "thinking": "medium",
        "run_folder": folder,
        "report": None,
        "transcript": None,
        "prompt": f"{folder}/runner_prompt.md",
        "stdout": f"{folder}/runner_stdout.txt",
        "stderr": None,
    }


def fact(item: str, statement: str, source: str, *, run: str | None = None) -> Document:
    return {
        "statement": statement,
        "work_item_id": item,
        "run_id": run,
        "source": source,
        "at": ago(60),
    }


def missing(needed: str, looked_in: str, found: str) -> Document:
    return {"needed": needed, "looked_in": looked_in, "found": found}


def member(item: str, kind: str, state: str, how: str, parent: str | None) -> Document:
    return {
        "work_item_id": item,
        "kind": kind,
        "state": state,
        "how": how,
        "source": "millrace queue show",
        "parent_id": parent,
    }


def changes(*files: tuple[str, str, int, int], dirty: bool = False) -> Document:
    return {
        "between": {"start": ago(900), "end": ago(30)},
        "base_commit": "9516fa6" * 5,
        "head_commit": "9516fa6" * 5,
        "dirty_before": dirty,
        "files": [
            {
                "path": path,
                "status": status,
                "added": added,
                "removed": removed,
                "previous_path": None,
            }
            for path, status, added, removed in files
        ],
        "added": sum(each[2] for each in files),
        "removed": sum(each[3] for each in files),
        "not_measured": [],
        "unknown": None,
    }


def item(  # noqa: PLR0913 - the keys of the document
    item_id: str,
    title: str,
    state: str,
    *,
    kind: str = "task",
    task: str | None = None,
    proof: list[Document] | None = None,
    lacks: list[Document] | None = None,
    stages: list[Document] | None = None,
    lineage: list[Document] | None = None,
    changed: Document | None = None,
    failure: str | None = None,
    detail: str = "",
    steps: list[Document] | None = None,
    workspace: str = "/home/me/shop",
) -> Document:
    """Return `millracer.item.v1`; it is proven exactly if nothing is missing and there is proof."""
    return {
        "schema_version": "millracer.item.v1",
        "workspace": workspace,
        "item": {
            "work_item_id": item_id,
            "millrace_id": item_id,
            "work_kind": kind,
            "intake_kind": kind,
            "state": state,
            "detail": detail,
            "failure": failure,
            "title": title,
            "task": task or title,
            "path": f"{workspace}/millrace-agents/tasks/{state}/{item_id}.md",
            "source": f"millrace queue show {item_id}",
            "scoped_completion": bool(proof) and not lacks,
            "evidence": proof or [],
            "missing_evidence": lacks or [],
            "lineage": lineage or [member(item_id, kind, state, "the work item itself", None)],
            "stages": stages or [],
            "changes": changed or changes(),
        },
        "millrace_version": MILLRACE,
        "warnings": [],
        "errors": [],
        "next_steps": steps or [],
    }


def diff(item_id: str, changed: Document, patch: str) -> Document:
    return {
        "schema_version": "millracer.diff.v1",
        "workspace": "/home/me/shop",
        "work_item_id": item_id,
        "changes": changed,
        "patch": patch,
        "warnings": [],
        "errors": [],
    }


def logs(item_id: str, *stages: tuple[Document, list[Document]]) -> Document:
    return {
        "schema_version": "millracer.logs.v1",
        "workspace": "/home/me/shop",
        "work_item_id": item_id,
        "stages": [
            {"stage": of, "is_complete": True, "entries": entries, "raw": None}
            for of, entries in stages
        ],
        "warnings": [],
        "errors": [],
    }


def entry(kind: str, text: str, tool: str | None = None, *, failed: bool = False) -> Document:
    return {"kind": kind, "text": text, "tool": tool, "failed": failed}


def control(
    command: str,
    outcome: str,
    message: str,
    *,
    item_id: str | None = None,
    state: str | None = None,
) -> Document:
    return {
        "schema_version": "millracer.control.v1",
        "command": command,
        "outcome": outcome,
        "message": message,
        "workspace": "/home/me/shop",
        "work_item_id": item_id,
        "state": state,
        "millrace_version": MILLRACE,
        "warnings": [],
        "errors": [],
        "next_steps": [],
    }


def status(
    path: str,
    *,
    daemon: str = "none",
    pid: int | None = None,
    paused: bool = False,
    queued: int = 0,
) -> Document:
    return {
        "schema_version": "millracer.status.v1",
        "workspace": {
            "root_path": path,
            "rule": "cli_workspace",
            "workspace_id": None,
            "initialised": True,
        },
        "daemon": {
            "state": daemon,
            "owner": "millracer" if pid else None,
            "pid": pid,
            "mode": "lad_pi" if pid else None,
            "mode_alias": "default_pi" if pid else None,
            "watched": bool(pid),
            "paused": paused,
            "pause_sources": "operator" if paused else None,
            "stop_requested": False,
        },
        "queue_depths": {"execution": queued, "planning": 0, "learning": 0},
        "active": None,
        "unfinished": [],
        "ended": [],
        "millrace_version": MILLRACE,
        "status": None,
        "warnings": [],
        "errors": [],
        "next_steps": [],
    }


_STAGES = (
    *("builder", "checker", "fixer", "doublechecker", "updater", "troubleshooter"),
    *("consultant", "recon", "planner", "manager", "mechanic", "auditor"),
)


def models(*, credentials: str = "yes") -> Document:
    def of(name: str, alias: str, model: str, thinking: str) -> Document:
        return {
            "stage": name,
            "runner": "pi_rpc",
            "alias": alias,
            "name": model,
            "provider": "anthropic",
            "model": model,
            "thinking": thinking,
            "credentials": credentials if alias == "deep" else "yes",
            "origin": "workspace" if alias == "deep" else "default",
        }

    def alias(name: str, model: str, thinking: str, origin: str) -> Document:
        return {"alias": name, "model": model, "thinking": thinking, "origin": origin}

    return {
        "schema_version": "millracer.models.v1",
        "workspace": "/home/me/shop",
        "mode": "lad_pi",
        "outer": {
            "provider": "anthropic",
            "model": "claude-sonnet-5",
            "thinking": "high",
            "credentials": True,
            "origin": "pi",
        },
        "stages": [
            *(of(name, "standard", "claude-sonnet-5", "medium") for name in _STAGES),
            of("arbiter", "deep", "claude-opus-5", "xhigh"),
        ],
        "aliases": [
            alias("deep", "anthropic/claude-opus-5", "xhigh", "workspace"),
            alias("fast", "anthropic/claude-haiku-5", "high", "default"),
            alias("standard", "anthropic/claude-sonnet-5", "medium", "default"),
        ],
        "new_stage_model": None,
        "changed": [],
        "available": [
            "anthropic/claude-haiku-5",
            "anthropic/claude-opus-5",
            "anthropic/claude-sonnet-5",
            "ollama/qwen3-coder:30b",
        ],
        "millrace_version": MILLRACE,
        "pi_version": "1.6.0",
        "warnings": [],
        "errors": [],
        "next_steps": [],
    }


def check(
    name: str,
    message: str,
    level: str = "ok",
    *,
    command: str | None = None,
    detail: str | None = None,
) -> Document:
    return {
        "name": name,
        "level": level,
        "message": message,
        "next_command": command,
        "detail": detail,
    }


def doctor() -> Document:
    return {
        "schema_version": "millracer.doctor.v1",
        "ok": True,
        "workspace": "/home/me/shop",
        "checks": [
            check("python", "Python 3.13.1"),
            check("sqlite", "SQLite 3.47.1, journal mode wal; it can hold a session store"),
            check("workspace", "/home/me/shop"),
            check("configuration", "no configuration file"),
            check("millrace", "Millrace 0.21.1, millrace, found by PATH"),
            check("millrace_start", "it starts, and knows 22 modes"),
            check("pi", "pi 1.6.0, /home/me/.local/bin/pi, found by PATH"),
            check("node", "Node 24.19.0"),
            check("pi_start", "it starts and answers"),
            check("pi_model", "anthropic/claude-sonnet-5, one of 4 that pi has credentials for"),
            check("initialised", "initialised; 3 queued, 1 active"),
            check("mode", "mode default_pi (alias of lad_pi), named by default, compiles"),
            check("daemon", "a daemon works here"),
            check(
                "blocked_items",
                "1 item is blocked",
                "warning",
                command="millracer retry fix-flaky-export-8c21 --workspace /home/me/shop",
            ),
            check("stage_model", "all 13 stages have a model with credentials"),
        ],
        "versions": {
            "millracer": "0.5.0",
            "python": "3.13.1",
            "sqlite": "3.47.1",
            "millrace": MILLRACE,
            "node": "24.19.0",
            "pi": "1.6.0",
        },
        "tools": {
            "millrace": {"command": "millrace", "origin": "path"},
            "pi": {"command": "pi", "origin": "path"},
        },
        "errors": [],
    }


def board_running(item_id: str, title: str, stage: str, since: str, runner: str) -> Document:
    about = {"work_item_id": item_id, "title": title, "kind": "task"}
    return {**about, "stage": stage, "since": since, "runner": runner}


def board_item(item_id: str, title: str, written_at: str, reason: str | None = None) -> Document:
    about = {"work_item_id": item_id, "title": title, "kind": "task"}
    return {**about, "written_at": written_at, "reason": reason}


def board_ended(item_id: str, title: str, state: str, ended_at: str) -> Document:
    about = {"work_item_id": item_id, "title": title, "kind": "task"}
    return {**about, "state": state, "ended_at": ended_at}


def on_board(  # noqa: PLR0913 - the keys of the document
    key: str,
    name: str,
    *,
    daemon: str = "stopped",
    pid: int | None = None,
    running: list[Document] | None = None,
    waiting: list[Document] | None = None,
    blocked: list[Document] | None = None,
    ended: list[Document] | None = None,
    queued: int | None = None,
    initialized: bool = True,
    problem: Document | None = None,
) -> Document:
    lists = [running or [], waiting or [], blocked or [], ended or []]
    return {
        "key": key,
        "path": f"/home/me/{name}",
        "name": name,
        "workspace_id": name,
        "is_default": name == "shop",
        "is_registered": True,
        "exists": True,
        "is_initialized": initialized,
        "daemon": {"state": daemon, "pid": pid, "since": ago(1200) if pid else None},
        "counts": {
            "queued": len(lists[1]) if queued is None else queued,
            "active": len(lists[0]),
            "blocked": len(lists[2]),
            "ended_today": len(lists[3]),
        },
        "running": lists[0],
        "waiting": lists[1],
        "blocked": lists[2],
        "ended": lists[3],
        "error": problem,
    }


def board(*workspaces: Document, read_only: bool = False, has_fleet: bool = False) -> Document:
    return {
        "schema_version": "millracer.board.v1",
        "version": "0.5.0",
        "read_only": read_only,
        "has_fleet": has_fleet,
        "started_at": ago(7200),
        "now": ago(0),
        "workspaces": list(workspaces),
    }


def listed(item_id: str, title: str, state: str, age: float, **more: Any) -> Document:
    return {
        "work_item_id": item_id,
        "work_kind": "task",
        "state": state,
        "title": title,
        "written_at": ago(age),
        "path": f"/home/me/shop/millrace-agents/tasks/{state}/{item_id}.md",
        "workspace": "/home/me/shop",
        "workspace_id": "shop",
        "head": None,
        "runner": None,
        "stage": None,
        **more,
    }


def frame(  # noqa: PLR0913 - the keys of the document
    epoch: str,
    sequence: int,
    event_type: str,
    message: str,
    payload: Document,
    *,
    at: str | None = None,
    severity: str = "info",
    durable: bool = True,
) -> Document:
    cursor = f"{epoch}-{sequence}"
    return {
        "schema_version": "millracer.ops.v0.3",
        "request_id": "page",
        "event_id": cursor if durable else f"~{event_type}-{sequence}",
        "sequence": sequence,
        "timestamp": at or ago(0),
        "event_type": event_type,
        "severity": severity,
        "message": message,
        **({"cursor": cursor} if durable else {}),
        "payload": payload,
    }
