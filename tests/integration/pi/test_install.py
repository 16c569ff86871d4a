from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolNotFound, ToolUnsupported
from millracer.pi import install as pi_install

ENV = {"PATH": os.environ["PATH"]}


def install(root: Path, *, name: str, version: object, script: str = "#!/bin/sh\nexit 9\n") -> Path:
    """Lay out an installed package whose program fails when it is run."""
    package = root / "lib" / "node_modules" / name
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"name": name, "version": version}))
    program = package / "dist" / "cli.js"
    program.write_text(script)
    program.chmod(0o755)
    (root / "bin").mkdir()
    (root / "bin" / "pi").symlink_to(program)
    return root / "bin" / "pi"


def read(*argv: str, path: str = "", cwd: Path) -> str:
    env = {"PATH": f"{path}:{ENV['PATH']}"}
    return pi_install.read_version(argv, cwd=cwd, env=env, wait=Wait.for_seconds(20))


@pytest.mark.parametrize(
    "name", ["@mariozechner/pi-coding-agent", "@earendil-works/pi-coding-agent"]
)
def test_the_version_is_read_beside_the_program_without_running_it(
    tmp_path: Path, name: str
) -> None:
    program = install(tmp_path, name=name, version="0.87.1")

    assert read("pi", path=str(program.parent), cwd=tmp_path) == "0.87.1"
    assert read(str(program), cwd=tmp_path) == "0.87.1"


def test_a_program_of_another_package_is_asked(tmp_path: Path) -> None:
    script = "#!/bin/sh\necho noise 1.2; echo 0.70.2\n"
    program = install(tmp_path, name="wrapper", version="9.9.9", script=script)

    assert read(str(program), cwd=tmp_path) == "0.70.2"


@pytest.mark.parametrize("script", ["#!/bin/sh\necho hello\n", "#!/bin/sh\necho 1.0.0; exit 1\n"])
def test_a_program_that_prints_no_version_is_refused(tmp_path: Path, script: str) -> None:
    program = install(tmp_path, name="wrapper", version="9.9.9", script=script)

    with pytest.raises(ToolUnsupported, match="names no version"):
        read(str(program), cwd=tmp_path)


def test_a_missing_program_is_named_with_the_install_command(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFound) as caught:
        read("no-such-pi", cwd=tmp_path)

    assert "no-such-pi" in caught.value.message
    assert pi_install.INSTALL_HINT in (caught.value.suggested_action or "")


@pytest.mark.parametrize("version", ["0.67.67", "0.60.0", "nonsense"])
def test_older_versions_are_refused_with_the_range_and_the_command(version: str) -> None:
    with pytest.raises(ToolUnsupported) as caught:
        pi_install.refuse_unsupported(version)

    assert pi_install.SUPPORTED_RANGE in caught.value.message
    assert pi_install.INSTALL_HINT in (caught.value.suggested_action or "")


@pytest.mark.parametrize("version", ["0.67.68", "0.73.1", "1.5.2", "1.6.0", "1.6.99"])
def test_supported_versions_pass_without_a_warning(version: str) -> None:
    pi_install.refuse_unsupported(version)

    assert not pi_install.is_untested(version)


@pytest.mark.parametrize("version", ["1.7.0", "1.10.0", "2.0.0-beta.1"])
def test_newer_versions_pass_as_untested(version: str) -> None:
    pi_install.refuse_unsupported(version)

    assert pi_install.is_untested(version)
