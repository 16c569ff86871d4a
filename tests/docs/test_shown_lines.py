"""Every command that README and docs show is run, and what is shown below it is what it prints.

Each page is one test: its commands are given in order in one scene (`tests/docs/scene.py`), and end
with exit code 0 unless the page continues by showing another with `echo $?`. Three kinds are not
simply run:

* What wants a person (`operator`) is run on a terminal. Shown in a session, what is typed behind
  the prompt there is typed, and the screen compared.
* `make` lines: that the target is there and can be made is asked of `make --dry-run`; what a target
  does is the tests' own business, takes up to hours, and some of it is this very test.
* What asks first (`setup`) is run on a terminal and answered no; a yes has tests of its own.
* What installs something is named in `_INSTALLS`, with what holds it.

A command that is of no kind, or cannot be run, fails its page.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pytest
from typer.core import TyperGroup
from typer.main import get_command

from millracer.cli.app import app
from millracer.errors import ExitCode
from tests.docs import likeness
from tests.docs.scene import MAKES_OWN, Ran, Scene, scene
from tests.docs.shown import ELISION, ROOT, Block, Shown, blocks, pages, shown, shown_by
from tests.support.operator_cli import CTRL_D, ENTER, PROMPT

#: A shell's languages that would hide commands from these tests.
_HIDING = {"bash", "shell", "zsh", "shell-session", "terminal", "powershell"}

#: What changes the machine it is given on, and which test holds what it stands for.
_INSTALLS = {
    "pipx install .": "tests/acceptance/test_package_everywhere.py, by what pipx itself does: pip",
    "uv tool install .": "the same test",
    "python3 -m venv ~/.venvs/millracer &&": "the same test, in a virtual environment",
    "python3 -m venv .venv &&": "the same test: the library is imported from the environment",
    "uv sync --extra dev": "tests/architecture/test_repository.py: the extra, and uv.lock ignored",
}
_DEMO = re.compile(r"^(make|millracer) demo\b")
_COMMAND = re.compile(r"^\s*(\$ )?(- )?(run: )?(make|millracer) \S")
_OVER_LINES = re.MULTILINE | re.DOTALL
_ASKS = re.compile(r"^millracer setup\b(?!.*--yes)")
#: A terminal on which no line of a result continues in the next.
_WIDE = 400
_NOTHING = Ran(0, "")
_WANTS_A_PERSON = re.compile(r"^millracer operator\b[^|<]*$")

_PAGES = [page for page in pages() if shown_by(page)]
#: Several delegated runs, or doctors, each.
_LONG = {"docs/doctor.md", "docs/recipes.md", "docs/running.md", "docs/tutorial.md"}
_DEMONSTRATING = [
    page for page in _PAGES if any(_DEMO.match(each.command) for each in shown_by(page))
]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _once(page: Path) -> object:
    """Return a page as a parameter, marked where its runs take long."""
    marks = [pytest.mark.slow] if _name(page) in _LONG else []
    return pytest.param(page, id=_name(page), marks=marks)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [_once(page) for page in _PAGES])
def test_every_command_of_a_page_does_what_the_page_says(
    page: Path, tmp_path: Path, millrace_command: str, pi_command: str, *, update_docs: bool
) -> None:
    wrong: list[tuple[Shown, str]] = []
    with scene(tmp_path, millrace_command, pi_command) as here:
        code, folder = 0, "."
        for each in _in_order(page, here):
            assert code == 0 or "$?" in each.command, f"exit code {code} before {each}"
            if each.command.startswith("cd "):
                folder = each.command.removeprefix("cd ")
                continue
            ran = _give(each, here, folder=folder, before=code)
            code = ran.exit_code
            if each.output is None:
                assert code == 0, f"{each}\nended with {code}:\n{ran.printed}"
            elif not likeness.is_like(ran.printed, each.output):
                wrong.append((each, ran.printed))

    if update_docs:
        _write_again(page, wrong)
    else:
        assert not wrong, "\n".join(f"{each}\nprinted:\n{printed}" for each, printed in wrong)
    assert code == 0, f"exit code {code} at the end of {page}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", _DEMONSTRATING, ids=_name)
def test_the_demonstration_prints_what_a_page_shows(
    page: Path, tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    demos = [each for each in shown_by(page) if _DEMO.match(each.command)]

    with scene(tmp_path, millrace_command, pi_command) as here:
        for each in demos:
            command = each.command.replace("make demo", "millracer demo")
            with here.terminal(command, columns=_WIDE) as (terminal, screen):
                assert terminal.ended() == 0, screen.text()
            printed = screen.text()
            assert each.output is None or likeness.is_like(printed, each.output), printed


def test_no_command_hides_in_another_kind_of_block() -> None:
    unseen = [
        f"{_name(block.page)}:{block.line}"
        for page in pages()
        for block in blocks(page)
        if block.language in _HIDING or (block.file_name is None and _holds_a_command(block))
    ]

    assert unseen == []


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_commands_within_the_text_exist(page: Path) -> None:
    for command in _within_the_text(page):
        match command.split():
            case ["make", *words]:
                _dry_run(" ".join(words))
            case ["millracer", *words]:
                _find(words, command)


def _in_order(page: Path, here: Scene) -> Iterator[Shown]:
    """Yield a page's commands, after its files have been written."""
    found = list(blocks(page))
    for block in found:
        if block.file_name is not None:
            here.put(block)
    for block in found:
        yield from shown(block)


def _give(each: Shown, here: Scene, *, folder: str, before: int) -> Ran:
    """Run one command as its kind is run."""
    command = here.as_meant(each.command)
    if any(command.startswith(prefix) for prefix in _INSTALLS):
        assert each.output is None, each
        return _NOTHING
    if command.startswith("make "):
        _dry_run(command.removeprefix("make "))
        return _as_shown(each)
    if _DEMO.match(command):
        _find(command.split()[1:], command)
        return _as_shown(each)
    if _WANTS_A_PERSON.match(command):
        return _converse(command, each.output or (), here)
    if _ASKS.match(command):
        return _refuse(command, here, is_shown=each.output is not None)
    return here.run(command, folder=folder, before=before)


def _as_shown(each: Shown) -> Ran:
    """Return the replacement of a command that is not run here."""
    return Ran(0, "\n".join(each.output or ()))


def _converse(command: str, output: Sequence[str], here: Scene) -> Ran:
    """Run a command on a terminal, type what is typed there, leave, and return the screen."""
    typed = [line.removeprefix(PROMPT) for line in output if line.startswith(PROMPT)]
    with here.terminal(command, columns=_WIDE) as (terminal, screen):
        terminal.prompts()
        for line in typed:
            terminal.enter(line)
        code = terminal.leave(CTRL_D)
        printed = screen.text()
    while printed.rstrip().endswith(PROMPT.rstrip()):
        printed = printed.rstrip().removesuffix(PROMPT.rstrip())
    return Ran(code, printed)


def _refuse(command: str, here: Scene, *, is_shown: bool) -> Ran:
    """Run a command that asks before it does something, and say no, which is not a failure."""
    with here.terminal(command, columns=_WIDE) as (terminal, screen):
        if terminal.child.expect([r"\[[yY]/[nN]\]", pexpect.EOF]) == 0:
            terminal.type(f"n{ENTER}")
        code = terminal.ended()
    assert code in {ExitCode.COMPLETED, ExitCode.INCOMPLETE}, screen.text()
    return Ran(code, screen.text()) if is_shown else _NOTHING


@functools.cache
def _dry_run(words: str) -> None:
    """Ask make whether it knows how to make this."""
    targets = [word for word in shlex.split(words) if "=" not in word]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.sub(r"\\\n", " ", makefile).partition(".PHONY: ")[2].splitlines()[0].split())
    asked = subprocess.run(
        ("make", "--dry-run", f"PYTHON={sys.executable}", *shlex.split(words)),  # noqa: S607 - any
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in MAKES_OWN},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert set(targets) <= phony, f"make {words}"
    assert asked.returncode == 0, asked.stderr


def _find(words: Sequence[str], command: str) -> None:
    """Hold the words of a command to commands and options that there are."""
    found: Any = get_command(app)
    for word in words:
        if isinstance(found, TyperGroup) and not word.startswith("-"):
            assert word in found.commands, command
            found = found.commands[word]
    options = {name for each in found.params for name in (*each.opts, *each.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= options | {"--help", "--debug"}, command


def _holds_a_command(block: Block) -> bool:
    """Whether a block that is not run holds what looks like a command."""
    if block.language in {"sh", "console"} or _name(block.page) == "docs/cli.md":
        return False
    return any(_COMMAND.match(line) for line in block.lines)


def _within_the_text(page: Path) -> Iterator[str]:
    """Yield the commands that a page names between backticks, outside of its blocks."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=_OVER_LINES)
    for quoted in re.findall(r"`([^`]+)`", text):
        if _COMMAND.match(quoted):
            yield " ".join(quoted.split())


def _write_again(page: Path, wrong: Sequence[tuple[Shown, str]]) -> None:
    """Put what was printed into the page, but where lines are left out on purpose."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for each, printed in reversed(wrong):
        assert each.output is not None
        assert ELISION not in "".join(each.output), f"write this by hand: {each}\n{printed}"
        start = each.output_line - 1
        lines[start : start + len(each.output)] = printed.rstrip("\n").split("\n")
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
