"""Inspect a pi (its version, its Node, its models) without a change to the user's pi folder.

pi creates and repairs files in its folder at every start. Here it starts with a temporary folder
that has copies of the user's settings and links to the user's credentials and extensions, without
the files that pi moves. pi runs in offline mode, so it does not renew a token.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.models import AgentModels, Model
from millracer.errors import RunWarning, ToolFailed, ToolNotFound, ToolUnsupported
from millracer.pi import install
from millracer.pi.model_cache import FOLDER_VARIABLE, agent_folder
from millracer.pi.options import PiOptions
from millracer.pi.rpc import RpcPi
from millracer.pi.session import PI_WARNING
from millracer.system import processes
from millracer.system.processes import Command

_CREDENTIALS = "auth.json"
#: Folders between which pi moves files at its start; the list of models does not depend on them.
_MOVED = frozenset({"sessions", "tools", "bin", "commands", "prompts"})
_MOVED_FILES = ".jsonl"
_LARGEST_SETTINGS_BYTES = 4 << 20
_CLOSE_SECONDS = 5.0
_NODE = "node"
_NODE_SCRIPT = re.compile(rb"#!.*\bnode\b")


class PiInspection:
    """Inspects one way of starting pi.

    Args:
        options: how pi is started.
        folder: an empty folder that the caller provides for pi's files.
    """

    def __init__(self, options: PiOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._notices: tuple[RunWarning, ...] = ()

    @property
    def program(self) -> str:
        """The executable's path, or its name if it was not found."""
        name = self._options.argv[0]
        return shutil.which(name, path=self._options.env.get("PATH")) or name

    @property
    def command(self) -> str:
        """The command line that starts pi, quoted for a shell."""
        return shlex.join((self.program, *self._options.argv[1:]))

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """The warnings that pi itself printed during `list_models`."""
        return self._notices

    def find_version(self, wait: Wait) -> tuple[str, tuple[RunWarning, ...]]:
        """Return the version and the warnings about it.

        Raises:
            ToolNotFound, ToolUnsupported, UsageError: a run would refuse this pi.
            ToolTimeout, Cancelled: pi had to be started for its version and did not print it.
        """
        options = self._options
        version = install.read_version(options.argv, cwd=options.cwd, env=options.env, wait=wait)
        return version, options.admit(version)

    def find_node(self, wait: Wait) -> str | None:
        """Return the version of the Node that runs this pi; None if pi is not a Node script.

        Raises:
            ToolNotFound: there is no Node.
            ToolUnsupported: Node is older than this pi requires.
            ToolFailed, ToolTimeout, Cancelled: Node did not print its version.
        """
        name = self._options.argv[0]
        is_node = Path(name).name == _NODE
        if not is_node and not _is_node_script(Path(self.program)):
            return None
        program = name if is_node else _NODE
        if shutil.which(program, path=self._options.env.get("PATH")) is None:
            raise ToolNotFound(
                _NODE,
                f"`{program}` was not found, and pi needs it",
                suggested_action="millracer setup",
            )
        version = self._read_node_version(program, wait)
        needed = install.needed_node(self._options.argv, self._options.env)
        if needed is not None and install.parse_version(version) < needed:
            required = ".".join(map(str, needed))
            raise ToolUnsupported(
                _NODE,
                f"Node {version} is older than {required}, which this pi requires",
                suggested_action="millracer setup",
            )
        return version

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Start pi with a model's name, and return the model that it selects; None without one.

        Raises:
            ToolFailed: pi refuses the name.
            MillracerError: as `RpcPi.ask_models`.
            OSError: the temporary folder cannot be created.
        """
        named = replace(self._options, provider=provider, model=model, skills=())
        return self._ask_models(named, wait).selected

    def list_models(self, wait: Wait) -> AgentModels:
        """Start pi, list its models and end it.

        Raises:
            MillracerError: as `RpcPi.ask_models`.
            OSError: the temporary folder cannot be created.
        """
        return self._ask_models(self._options, wait)

    def _ask_models(self, options: PiOptions, wait: Wait) -> AgentModels:
        _copy_agent_folder(agent_folder(options.env), self._folder)
        env = {
            **options.env,
            FOLDER_VARIABLE: str(self._folder),
            "PI_OFFLINE": "1",
            "PI_SKIP_VERSION_CHECK": "1",
            "PI_TELEMETRY": "0",
        }
        pi = RpcPi(replace(options, env=env))
        try:
            return pi.ask_models(wait)
        finally:
            self._notices = tuple(each for each in pi.notices if each.code == PI_WARNING)
            pi.close(Wait(wait.cancellation).cleaning_up(_CLOSE_SECONDS))

    def _read_node_version(self, program: str, wait: Wait) -> str:
        options = self._options
        command = Command(tool=_NODE, argv=(program, "--version"), cwd=options.cwd, env=options.env)
        completed = processes.run(command, wait)
        if completed.exit_code != 0:
            raise ToolFailed(
                _NODE,
                f"`{program} --version` failed with exit code {completed.exit_code}",
                detail=(completed.stdout + completed.stderr)[-2000:],
                suggested_action="millracer setup",
            )
        return completed.stdout.strip().removeprefix("v")


def _is_node_script(program: Path) -> bool:
    try:
        with program.open("rb") as file:
            return _NODE_SCRIPT.match(file.readline(256)) is not None
    except OSError:
        return False


def _copy_agent_folder(source: Path | None, into: Path) -> None:
    """Create a folder with pi's settings as copies, and credentials and subfolders as links."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700, parents=True)
    if source is None:
        return
    try:
        entries = list(os.scandir(source))
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            if entry.is_dir():
                if entry.name not in _MOVED:
                    (into / entry.name).symlink_to(Path(entry.path).absolute())
            elif entry.name == _CREDENTIALS:
                (into / entry.name).symlink_to(Path(entry.path).absolute())
            elif (
                entry.is_file()
                and not entry.name.endswith(_MOVED_FILES)
                and entry.stat().st_size <= _LARGEST_SETTINGS_BYTES
            ):
                shutil.copyfile(entry.path, into / entry.name)
                (into / entry.name).chmod(0o600)
