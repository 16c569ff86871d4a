from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolNotFound, ToolUnsupported
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.commands.version import find_version, require_supported
from tests.support.fake_millrace import FakeMillrace

MODULES = ("click", "pydantic", "tomlkit", "typer", "watchdog")
# The interpreter these scripts name does not exist: starting one would fail.
SHORT = "#!{python}\n# -*- coding: utf-8 -*-\n"
LONG = "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"


def install(
    folder: Path, version: str, *, script: str = SHORT, modules: tuple[str, ...] = MODULES
) -> MillraceCalls:
    """Lay out an environment with that version, as pip does."""
    packages = folder / "lib" / "python3.11" / "site-packages"
    for name in (*modules, "millrace_ai", f"millrace_ai-{version}.dist-info"):
        (packages / name).mkdir(parents=True)
    program = folder / "bin" / "millrace"
    program.parent.mkdir(exist_ok=True)
    program.write_text(script.format(python=folder / "bin" / "python3"), encoding="utf-8")
    program.chmod(0o755)
    return MillraceCalls(argv=(str(program),), workspace=folder, cwd=folder)


def find(calls: MillraceCalls) -> str:
    wait = Wait.for_seconds(20)
    return require_supported(find_version(calls, wait), calls, wait)


@pytest.mark.parametrize("version", ["0.18.6", "0.18.10", "0.19.0", "0.20.3", "0.21.1", "0.21.9"])
@pytest.mark.parametrize(("folder", "script"), [("venv", SHORT), ("with a blank", LONG)])
def test_a_supported_version_is_read_without_starting_a_program(
    tmp_path: Path, version: str, folder: str, script: str
) -> None:
    assert find(install(tmp_path / folder, version, script=script)) == version


def test_the_program_may_be_a_link_on_the_path(tmp_path: Path) -> None:
    calls = install(tmp_path / "venv", "0.21.1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "millrace").symlink_to(calls.argv[0])
    on_path = MillraceCalls(
        argv=("millrace",), workspace=tmp_path, cwd=tmp_path, env={"PATH": str(tmp_path / "bin")}
    )

    assert find(on_path) == "0.21.1"


@pytest.mark.parametrize("version", ["0.16.3", "0.17.4", "0.18.5", "0.22.0", "0.22.0rc1", "1.0.0"])
def test_any_other_version_is_refused_with_the_range_and_the_install_command(
    tmp_path: Path, version: str
) -> None:
    with pytest.raises(ToolUnsupported, match=r"0\.18\.6 to 0\.21\.x") as caught:
        find(install(tmp_path, version))
    assert version in caught.value.message
    assert "`millracer setup`" in (caught.value.suggested_action or "")


@pytest.mark.parametrize("version", ["0.22.0", "0.22.0rc1", "0.23.1", "1.0.0"])
def test_the_router_is_named_as_another_program(tmp_path: Path, version: str) -> None:
    with pytest.raises(ToolUnsupported, match=r"0\.22 and later") as caught:
        find(install(tmp_path, version))
    assert "beside it" in (caught.value.suggested_action or "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_router_that_prints_no_version_is_named_as_another_program(
    tmp_path: Path, stream: str
) -> None:
    fake = FakeMillrace.beside(tmp_path)
    fake.answers("--version", exit_code=2, **{stream: "usage: millrace router ...\n"})

    with pytest.raises(ToolUnsupported, match=r"0\.22 and later"):
        find(fake.calls)


def test_an_install_without_click_is_refused_before_it_is_started(tmp_path: Path) -> None:
    with pytest.raises(ToolUnsupported, match="lacks click"):
        find(install(tmp_path, "0.18.6", modules=MODULES[1:]))


def test_a_program_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    calls = MillraceCalls(argv=("millrace-nowhere",), workspace=tmp_path, cwd=tmp_path)

    with pytest.raises(ToolNotFound, match="millrace-nowhere") as caught:
        find(calls)
    assert "`millracer setup`" in (caught.value.suggested_action or "")


def test_where_the_files_do_not_identify_the_program_it_is_asked(tmp_path: Path) -> None:
    fake = FakeMillrace.beside(tmp_path)
    fake.answers("--version", stdout="millrace 0.20.3\n")

    assert find(fake.calls) == "0.20.3"
    assert fake.asked == ["--version"]


def test_an_asked_version_is_refused_like_a_read_one(tmp_path: Path) -> None:
    fake = FakeMillrace.beside(tmp_path)
    fake.answers("--version", stdout="millrace 0.17.4\n")

    with pytest.raises(ToolUnsupported, match=r"0\.17\.4"):
        find(fake.calls)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"exit_code": 1, "stderr": "ModuleNotFoundError: No module named 'click'\n"}, "click"),
        ({"exit_code": 2, "stdout": "error: No such option '--version'.\n"}, "No such option"),
        ({"stdout": "hello\n"}, "hello"),
    ],
)
def test_a_program_that_cannot_print_its_version_is_refused_with_its_words(
    tmp_path: Path, answer: dict[str, object], words: str
) -> None:
    fake = FakeMillrace.beside(tmp_path)
    fake.answers("--version", **answer)

    with pytest.raises(ToolUnsupported, match=words):
        find(fake.calls)
