"""The migrations are in the wheel and are applied from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from millracer.adapters.migrations import find_migrations

_ROOT = Path(__file__).parents[3]

_MAKE_A_STORE = """
import sys
from pathlib import Path
import millracer
from millracer.adapters.migrations import find_migrations
from millracer.adapters.sqlite_store import SqliteSessionStore

store = SqliteSessionStore(Path(sys.argv[1]))
store.record_request("ui", client_name="ui", request_id="one", warning_codes=())
print(Path(millracer.__file__).parent)
print(*store.find_session("ui").recent_request_ids)
print(*(script.name for script in find_migrations()))
store.close()
"""


def test_an_installed_wheel_makes_a_store(tmp_path: Path) -> None:
    _pip("wheel", "--no-deps", "--wheel-dir", str(tmp_path / "wheel"), str(_ROOT))
    (wheel,) = (tmp_path / "wheel").iterdir()
    site = tmp_path / "site"
    _pip("install", "--no-deps", "--no-index", "--target", str(site), str(wheel))

    done = subprocess.run(
        (sys.executable, "-P", "-c", _MAKE_A_STORE, str(tmp_path / "state")),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines() == [
        str(site / "millracer"),
        "one",
        " ".join(script.name for script in find_migrations()),
    ]
    assert sorted(path.name for path in (site / "millracer" / "migrations").iterdir()) == [
        script.name for script in find_migrations()
    ]


def _pip(*arguments: str) -> None:
    subprocess.run(
        (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments),
        timeout=240,
        check=True,
    )
