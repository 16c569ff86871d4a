"""Gets the versions of a cell, by the Makefile's own rules, or says why they are unavailable."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.cells import USUAL_PI, Cell

ROOT = Path(__file__).parents[2]
_TOOLS = ROOT / ".tools"
_SETUP_SECONDS = 900
_ASK_SECONDS = 30
_ADDRESS = re.compile(r"\S+://\S+")
_OF_THE_CALLING_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


class NotHad(Exception):
    """A version cannot be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The programs of one cell, and the environment that its tests run in."""

    millrace: Path
    pi: Path
    python: Path
    node: Path
    environment: Mapping[str, str]


def get_tools(cell: Cell) -> Tools:
    """Set up what a cell needs, where that is not done yet.

    Raises:
        NotHad: something cannot be found or installed here.
    """
    pi_folder = _TOOLS / ("pi" if cell.pi == USUAL_PI else f"pi-{cell.pi}")
    millrace_folder = _TOOLS / f"millrace-{cell.millrace}"
    python = ROOT / ".venv" / "bin" / "python"
    if cell.python is not None:
        folder = _TOOLS / f"python-{cell.python}"
        _make(folder, f"PYTHON={find_python(cell.python)}")
        python = folder / "bin" / "python"
    _make(millrace_folder)
    _make(pi_folder)
    paths = [str(_TOOLS / "node" / "bin")] if cell.wants_newer_node else []
    path = os.pathsep.join((*paths, os.environ["PATH"]))
    node = shutil.which("node", path=path)
    if node is None:
        raise NotHad("there is no node on PATH")
    millrace, pi = millrace_folder / "bin" / "millrace", pi_folder / "node_modules" / ".bin" / "pi"
    return Tools(
        millrace=millrace,
        pi=pi,
        python=python,
        node=Path(node),
        environment={
            **os.environ,
            "PATH": path,
            "MILLRACER_TEST_MILLRACE": str(millrace),
            "MILLRACER_TEST_PI": str(pi),
        },
    )


def ask_version(program: Path) -> str:
    """Return the version that a Python or a Node prints."""
    printed = _first_line(str(program), "--version")
    return printed.removeprefix("Python ").removeprefix("v")


def _make(folder: Path, *variables: str) -> None:
    target = str((folder / ".stamp").relative_to(ROOT))
    environment = {
        name: value for name, value in os.environ.items() if name not in _OF_THE_CALLING_MAKE
    }
    try:
        made = subprocess.run(
            (os.environ.get("MAKE", "make"), "--no-print-directory", target, *variables),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SETUP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHad(f"{folder.name} was not set up within {_SETUP_SECONDS} s") from None
    if made.returncode != 0:
        raise NotHad(f"{folder.name}: {_complaint(made.stdout)}")


def _complaint(output: str) -> str:
    """Return an installer's most informative line, without the addresses in it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and not line.startswith("make")]
    return _ADDRESS.sub("(address)", (errors or lines or ["it said nothing"])[0])[:300]


def find_python(version: str) -> str:
    """Return an interpreter of a version such as "3.12", one that can make environments.

    Raises:
        NotHad: there is none.
    """
    for candidate in _candidates(version):
        script = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
        if _first_line(candidate, "-c", script) == version:
            return candidate
    raise NotHad(f"there is no Python {version} on PATH, nor with pyenv or uv")


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield on_path
    root = _first_line("pyenv", "root")
    if root:
        yield from sorted(map(str, Path(root).glob(f"versions/{version}.*/bin/python")))
    found = _first_line("uv", "python", "find", "--no-python-downloads", version)
    if found:
        yield found


def _first_line(*argv: str) -> str:
    """Return the first line a short command prints; nothing if it fails or is not there."""
    with suppress(OSError, subprocess.SubprocessError):
        completed = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
        )
        return completed.stdout.partition("\n")[0].strip()
    return ""
