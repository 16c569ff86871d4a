"""The pictures of the pages, each drawn from a real terminal: `make screens`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.scene import scene
from tests.docs.shown import ROOT
from tests.support.environment import scrub
from tests.support.operator_cli import CTRL_C, CTRL_D, ENTER, Terminal
from tests.support.scenario import Scenario, Step

FOLDER = ROOT / "docs" / "screens"
_WORKSPACE = "--workspace path/to/workspace"
_TASK = "Fix the discount so that it takes a share"
#: Stages that a person can see.
_SEEN = Scenario({stage: (Step(seconds=1.2),) for stage in ("builder", "checker", "updater")})
_ENDLESS = Scenario({"builder": (Step(seconds=300),)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture.

    Attributes:
        name: of its file, without `.svg`.
        command: the command line.
        play: what a person does until the picture is taken.
        before: commands given before, of which nothing is shown.
        leave: what ends the command then; None where it ends by itself.
    """

    name: str
    command: str
    play: Callable[[Terminal], object]
    before: tuple[str, ...] = ()
    leave: Callable[[Terminal], object] | None = None
    scenario: Scenario = field(default=_SEEN)
    columns: int = 96


def _talk(terminal: Terminal) -> None:
    terminal.prompts()
    terminal.enter("What does `discounted` do wrong?")
    terminal.enter(_TASK)
    terminal.enter("/status")


def _watch(terminal: Terminal) -> None:
    terminal.prompts()
    terminal.type(_TASK + ENTER)
    terminal.says(r"monitor · builder")


def _interrupt(terminal: Terminal) -> None:
    _watch(terminal)
    terminal.type(CTRL_C)
    terminal.prompts()
    terminal.enter("/watch")


def _cancel(terminal: Terminal) -> None:
    terminal.type(CTRL_C)
    terminal.prompts()
    terminal.leave(CTRL_D)


def _leave(terminal: Terminal) -> None:
    terminal.leave(CTRL_D)


def _end(terminal: Terminal) -> None:
    terminal.ended()


def _refuse(terminal: Terminal) -> None:
    terminal.says(r"\[y/N\]")
    terminal.type(f"n{ENTER}")
    terminal.ended()


PICTURES = (
    Picture(name="operator", command=f"millracer operator {_WORKSPACE}", play=_talk, leave=_leave),
    Picture(
        name="operator-working",
        command=f"millracer operator {_WORKSPACE}",
        play=_watch,
        leave=_cancel,
        scenario=_ENDLESS,
    ),
    Picture(
        name="operator-interrupted",
        command=f"millracer operator {_WORKSPACE}",
        play=_interrupt,
        leave=_leave,
        scenario=_ENDLESS,
    ),
    Picture(name="setup", command="millracer setup", play=_refuse, columns=104),
    Picture(
        name="status",
        columns=92,
        command=f"millracer status {_WORKSPACE}",
        before=(
            f'millracer submit {_WORKSPACE} --intake task "{_TASK}"',
            f"millrace control pause {_WORKSPACE}",
        ),
        play=_end,
    ),
    Picture(
        name="doctor",
        columns=92,
        command="millracer doctor --workspace shop",
        before=("mkdir shop && millrace init --workspace shop",),
        play=_end,
    ),
    Picture(name="run", command=f'millracer run {_WORKSPACE} "{_TASK}"', play=_end),
)


def draw(picture: Picture, folder: Path, millrace: str, pi: str) -> str:
    """Play one picture in a scene below an empty folder and return it as SVG."""
    with scene(folder, millrace, pi, picture.scenario) as here:
        for command in picture.before:
            ran = here.run(command)
            assert ran.exit_code == 0, ran.printed
        with here.terminal(picture.command, columns=picture.columns) as (terminal, screen):
            screen.write(f"$ {picture.command}\r\n")
            picture.play(terminal)
            drawn = screen.picture(picture.command.partition(" --")[0], picture.name)
            if picture.leave is not None:
                picture.leave(terminal)
        return drawn


def main() -> None:
    """Draw those that are named, or all."""
    names = set(sys.argv[1:]) or {each.name for each in PICTURES}
    FOLDER.mkdir(exist_ok=True)
    for picture in PICTURES:
        if picture.name not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="millracer-screens-") as folder:
            scrub(folder)
            drawn = draw(
                picture,
                Path(folder) / "world",
                os.environ["MILLRACER_TEST_MILLRACE"],
                os.environ["MILLRACER_TEST_PI"],
            )
            (FOLDER / f"{picture.name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
