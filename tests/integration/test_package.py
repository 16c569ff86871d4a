"""The distributed package holds what the program needs, nothing else, and works once installed."""

from __future__ import annotations

import json
import sys
import sysconfig
import tomllib
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import millracer
from millracer.schemas.names import SchemaName
from tests.support.package import ROOT, Archives, Environment, command, packed_files

_SUFFIXES = {
    *(".py", ".sql", ".json", ".typed"),
    *(".html", ".css", ".js", ".svg", ".LICENSE", ""),  # the page of the server, and its hashes
}

_USE_IT = """
import json
from pathlib import Path
import millracer
from millracer.fleet.migrations import find_migrations as find_fleet_migrations
from millracer.store.migrations import find_migrations

request = {
    "schema_version": "millracer.ops.v0.2",
    "request_id": "r",
    "action": "list_sessions",
    "workspace_ref": {},
    "source": {"kind": "script"},
}
millracer.handle_request({**request, "action": "list_workspaces"}, session_id="ci")
answer = millracer.handle_request(request).model_dump()
package = Path(millracer.__file__).parent
print(json.dumps({
    "package": str(package),
    "sessions": [session["session_id"] for session in answer["result"]["sessions"]],
    "migrations": [
        *(script.name for script in find_migrations()),
        *(f"fleet/{script.name}" for script in find_fleet_migrations()),
    ],
    "locks": sorted(path.name for path in (package / "programs" / "pi").iterdir()),
}))
"""


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return Archives.built_from(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def metadata(archives: Archives) -> Message:
    (text,) = (
        content for name, content in archives.in_wheel().items() if name.endswith("/METADATA")
    )
    return Parser().parsestr(text.decode())


def test_the_wheel_holds_the_package_and_nothing_else(archives: Archives) -> None:
    information = f"millracer-{millracer.__version__}.dist-info"
    expected = [
        *packed_files("millracer"),
        *(f"millracer/{name}" for name in packed_files("migrations")),
        *(f"{information}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")),
        f"{information}/licenses/LICENSE",
    ]

    held = archives.in_wheel()
    packed = [name for name in held if name.startswith("millracer/")]

    assert sorted(held) == sorted(expected)
    assert "millracer/py.typed" in packed
    assert {Path(name).suffix for name in packed} == _SUFFIXES
    assert [name for name in packed if "/." in name] == []
    assert held[f"{information}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_the_source_distribution_holds_what_builds_the_package(archives: Archives) -> None:
    expected = [
        *packed_files("millracer", "migrations"),
        *("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "PKG-INFO"),
        ".gitignore",  # hatchling always packs it
    ]

    assert sorted(archives.in_sdist()) == sorted(expected)


def test_the_source_distribution_builds_the_same_wheel(archives: Archives, tmp_path: Path) -> None:
    source = archives.unpacked_sdist(tmp_path / "source")

    again = Archives.built_from(source, tmp_path / "dist")

    assert again.in_wheel() == archives.in_wheel()


def test_the_metadata_says_what_it_is(metadata: Message) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert (metadata["Name"], metadata["Version"]) == ("millracer", millracer.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == readme
    assert sorted(metadata.get_all("Classifier", [])) == sorted(project["classifiers"])


def test_an_installed_wheel_works_from_any_folder(archives: Archives, tmp_path: Path) -> None:
    environment = Environment.made_by(sys.executable, tmp_path / "venv")
    environment.pip("install", "--no-deps", "--no-index", str(archives.wheel))
    environment.lend(Path(sysconfig.get_path("purelib")))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def says(*arguments: str) -> str:
        return command(environment.millracer, *arguments, cwd=elsewhere)

    assert says("--version") == f"millracer {millracer.__version__}\n"
    for name in SchemaName:
        assert "$schema" in json.loads(says("schema", name))
    assert json.loads(says("sessions", "list", "--json"))["status"] == "succeeded"
    assert json.loads(command(environment.python, "-c", _USE_IT, cwd=elsewhere)) == {
        "package": str(environment.site / "millracer"),
        "sessions": ["ci"],
        "migrations": [
            str(Path(name).relative_to("migrations")) for name in sorted(packed_files("migrations"))
        ],
        "locks": ["package-lock.json", "package.json"],
    }
    assert list(elsewhere.iterdir()) == []
