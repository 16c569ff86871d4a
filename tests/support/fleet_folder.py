"""A folder for the private servers of `fleet up --local`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def fleet_data_folder() -> Iterator[Path]:
    """Yield a folder that does not exist; the servers in it are stopped after the block.

    It is not among the folders of pytest, which the server's user cannot enter.
    """
    outer = Path(tempfile.mkdtemp(prefix="millracer-fleet."))
    outer.chmod(0o711)
    folder = outer / "data"
    try:
        yield folder
    finally:
        if folder.exists():
            from millracer.fleet import local_server  # noqa: PLC0415 - few tests have a server

            for each in folder.iterdir():
                with suppress(Exception):
                    local_server.stop(each)
        shutil.rmtree(outer, ignore_errors=True)
