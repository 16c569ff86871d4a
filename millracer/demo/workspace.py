"""Create the demonstration's temporary environment: project, workspace, pi settings and model."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from millracer.cancellation import Wait
from millracer.demo.project import FILES, REQUESTS
from millracer.demo.scripted_model import (
    PROVIDER,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.demo.stages import respond
from millracer.domain.requests import IntakeKind
from millracer.errors import ToolFailed
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.commands.version import find_version, names_stage_models
from millracer.pi.install import read_version, refuse_unsupported
from millracer.system.processes import Command, run

_COMMAND_SECONDS = 60.0
_GIT_IDENTITY = ("-c", "user.name=Millracer demo", "-c", "user.email=demo@localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorkspace:
    """The environment of one run of the demonstration.

    Attributes:
        root: the workspace: a small repository, initialised for Millrace.
        environment: variables to merge into the run's environment, so that the outer pi and the pi
            of every stage use the scripted model.
        task: the text of the request.
        model: the running model; `requests` has the requests it received.
    """

    root: Path
    environment: Mapping[str, str] = field(repr=False)
    task: str
    model: ScriptedModel


@contextmanager
def prepare_demo(
    directory: Path,
    millrace_argv: Sequence[str],
    pi_argv: Sequence[str],
    intake: IntakeKind = IntakeKind.TASK,
) -> Iterator[DemoWorkspace]:
    """Create the demonstration in `directory` and serve its model while the block is open.

    The caller owns the directory and removes it. `intake` is the kind that the model chooses for
    the request.

    Raises:
        ToolNotFound, ToolUnsupported: `millrace` or `pi` is missing or not supported.
        ToolFailed: `millrace init` or git failed; the detail has its output.
        ToolTimeout: one of them did not finish.
    """
    root, home, agent = (directory / name for name in ("shop", "home", "agent"))
    for folder in (root, home):
        folder.mkdir(parents=True)
    wait = Wait.for_seconds(_COMMAND_SECONDS)
    calls = MillraceCalls(argv=tuple(millrace_argv), workspace=root, cwd=root)
    millrace_version = find_version(calls, wait).version
    refuse_unsupported(read_version(tuple(pi_argv), cwd=root, env=os.environ, wait=wait))
    with ScriptedModel(partial(respond, intake=intake)) as model:
        write_agent_directory(agent, model.base_url)
        environment = agent_environment(agent, home)
        whole = {**os.environ, **environment}
        for name, text in FILES.items():
            (root / name).write_text(text, encoding="utf-8")
        _commit(root, whole)
        _run("millrace", (*millrace_argv, "init", "--workspace", str(root)), root, whole)
        configuration = root / "millrace-agents" / "millrace.toml"
        with configuration.open("a", encoding="utf-8") as stream:
            stream.write(_stage_settings(pi_argv, millrace_version))
        yield DemoWorkspace(root=root, environment=environment, task=REQUESTS[intake], model=model)


def _commit(root: Path, environment: Mapping[str, str]) -> None:
    if shutil.which("git") is None:
        return  # the run does not need git; a repository only makes the change easier to see
    for arguments in (
        ("init", "--quiet"),
        ("add", "."),
        (*_GIT_IDENTITY, "commit", "--quiet", "--message", "Begin a shop"),
    ):
        _run("git", ("git", *arguments), root, environment)


def _run(tool: str, argv: tuple[str, ...], cwd: Path, environment: Mapping[str, str]) -> None:
    completed = run(
        Command(tool=tool, argv=argv, cwd=cwd, env=environment), Wait.for_seconds(_COMMAND_SECONDS)
    )
    if completed.exit_code:
        raise ToolFailed(
            tool,
            f"`{' '.join(argv[:2])}` failed while the demonstration was prepared",
            detail=f"{completed.stdout}{completed.stderr}".strip(),
            suggested_action=f"check that {tool} works, and run the demonstration again",
        )


def _stage_settings(pi_argv: Sequence[str], millrace_version: str) -> str:
    # Where stages name a model, the provider is set: pi accepts any model name for a known
    # provider, and the scripted model answers to all. Elsewhere pi's default is the scripted
    # model, and pi 1 refuses a provider without a model.
    provider = (
        f"provider = {json.dumps(PROVIDER)}\n" if names_stage_models(millrace_version) else ""
    )
    return f"""
[runners.pi]
command = {json.dumps(pi_argv[0])}
args = {json.dumps(list(pi_argv[1:]))}
{provider}event_log_policy = "full"
"""
