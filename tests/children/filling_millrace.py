"""Millrace on a disk that gets full: just before one of its commands, and just once.

argv: the disk, how many bytes stay free, the command, the real program, then Millrace's own words.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

FILLER = "filler"
_PAGE = 4096


def _fill(disk: Path, free: int) -> None:
    with (disk / FILLER).open("xb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(_PAGE))
        file.truncate(max(0, file.tell() - free))


def main() -> None:
    disk, free, command, program, *arguments = sys.argv[1:]
    if " ".join(arguments).startswith(command):
        with suppress(FileExistsError):
            _fill(Path(disk), int(free))
    os.execv(program, [program, *arguments])  # noqa: S606 - the replaced program


main()
