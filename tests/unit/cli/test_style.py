"""Text for a person on a terminal, and the same text elsewhere."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from millracer.cli.terminal.layout import command_lines, from_here, hanging, lay_out
from millracer.cli.terminal.patches import painted_patch
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.style import Role, Stream, Symbol, paint, resolve, symbol
from millracer.cli.terminal.tables import table

_ITEM_ID = "fix-the-header-of-every-page-that-a-9c2683d098569558d092"
_CODE = re.compile(r"\x1b\[[0-9;]*m")
_SENTENCE = "the installation of pi cannot be used because its folder is not readable for you"
_MESSAGES = f"error: {_SENTENCE}\n  next: {_SENTENCE}\n\ncompleted: {_SENTENCE}"

Terminal = Callable[..., None]


@pytest.fixture(name="terminal")
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    def use(*, width: int = 50, **variables: str) -> None:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        for name, value in {"TERM": "xterm", "COLUMNS": str(width), **variables}.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.mark.parametrize("width", [50, 80])
def test_no_word_is_broken_and_no_line_is_wider_than_the_terminal(
    terminal: Terminal, width: int
) -> None:
    terminal(width=width, NO_COLOR="1")
    lines = lay_out(_MESSAGES, Stream.ERR).split("\n")

    assert max(map(len, lines)) <= width
    assert set(" ".join(lines).split()) == {*_MESSAGES.split(), "✓"}
    assert lines[1].startswith(" " * len("error: "))


def test_a_command_that_needs_several_lines_stays_one_command(terminal: Terminal) -> None:
    terminal(NO_COLOR="1")
    command = (
        "millracer retry item-1 --reason 'a b' --workspace /home/me/long/path/of/projects/shop"
    )
    label, *lines = lay_out(f"  to retry: {command}", Stream.ERR).split("\n")

    assert label == "  to retry:"
    assert max(map(len, lines)) <= 50
    joined = "\n".join(lines).replace("\\\n", " ")
    assert joined.split() == command.split()


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_a_command_in_a_text_is_not_broken(terminal: Terminal, width: int) -> None:
    terminal(width=width, NO_COLOR="1")
    command = f"millracer show {_ITEM_ID[:-12]}"

    facts = f"  3 files changed, +41 -7 · 42k tokens · 1:12 · {command}"
    source = f"looked in millrace queue show {_ITEM_ID}; found queued (millrace runs trace r --x y)"
    advice = f"warning: {_SENTENCE}; `{command}` shows it, and this is the end of it"

    wholes = (command, f"millrace queue show {_ITEM_ID};", "millrace runs trace r --x y")
    for text, expected in ((facts, wholes[:1]), (advice, wholes[:1]), (source, wholes[1:])):
        lines = lay_out(text, Stream.ERR).split("\n")
        for whole in expected:
            assert [whole in line for line in lines].count(True) == 1
        assert max(map(len, lines)) <= max(width, *(len(whole) + 12 for whole in expected))


def test_ids_are_shortened_on_a_terminal_to_what_a_command_takes(terminal: Terminal) -> None:
    text = (
        f"{_ITEM_ID} is done (millrace queue show {_ITEM_ID} --workspace /w); see {_ITEM_ID}.\n"
        f"  to continue: millracer watch {_ITEM_ID}\nin /w/tasks/done/{_ITEM_ID}.md"
    )
    assert lay_out(text, Stream.ERR) == text

    terminal(width=200, NO_COLOR="1")
    short = _ITEM_ID[:-12]
    assert lay_out(text, Stream.ERR) == (
        f"{short} is done (millrace queue show {_ITEM_ID} --workspace /w); see {short}.\n"
        f"  to continue: millracer watch {short}\nin /w/tasks/done/{_ITEM_ID}.md"
    )
    assert table(("ID",), [(_ITEM_ID,)])[1] == short


def test_a_pipe_and_a_dumb_terminal_get_the_text_unchanged(terminal: Terminal) -> None:
    assert lay_out(_MESSAGES, Stream.ERR) == _MESSAGES
    assert hanging("  ", _SENTENCE * 3) == [f"  {_SENTENCE * 3}"]
    assert paint("text", Role.BAD) == "text"

    terminal(TERM="dumb")
    assert lay_out(_MESSAGES, Stream.ERR) == _MESSAGES
    assert paint("text", Role.BAD) == "text"


def test_colours_follow_the_variables(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert _CODE.search(resolve(paint("text", Role.BAD)))

    terminal()
    assert _CODE.search(resolve(paint("text", Role.BAD)))
    terminal(FORCE_COLOR="0")
    assert paint("text", Role.BAD) == "text"
    terminal(NO_COLOR="1", FORCE_COLOR="1")
    assert paint("text", Role.BAD) == "text"


def test_a_patch_is_coloured_and_keeps_its_lines(terminal: Terminal) -> None:
    patch = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same"
    assert painted_patch(patch) == patch

    terminal()
    shown = resolve(painted_patch(patch))
    assert _CODE.sub("", shown) == patch
    assert len(set(_CODE.findall(shown))) == 5


def test_marks_of_an_outside_text_are_removed_without_colours() -> None:
    assert resolve("a\ufdd1b\ufdd0") == "ab"


def test_a_message_is_coloured_and_keeps_its_words(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(width=200)
    say("error: it broke\x1b[31m\n  next: fix it\nblocked: no")
    printed = capsys.readouterr().err

    assert _CODE.search(printed)
    assert _CODE.sub("", printed) == "error: it broke\ufffd[31m\n  next: fix it\n! blocked: no\n"


def test_a_symbol_is_plain_where_the_encoding_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class _Ascii:
        encoding = "ascii"

    monkeypatch.setattr(sys, "stdout", _Ascii())
    assert {symbol(each) for each in Symbol} == {"+", "x", "!", "-"}


@pytest.mark.parametrize("width", [50, 80])
def test_a_table_fits_the_terminal(terminal: Terminal, width: int) -> None:
    rows = [("queued", "item-1", "t" * 90), ("done", "item-2", "第" * 60)]
    whole = table(("STATE", "ID", "TITLE"), rows, shrinks=("TITLE",))
    terminal(width=width, NO_COLOR="1")
    lines = table(("STATE", "ID", "TITLE"), rows, shrinks=("TITLE",))

    assert "t" * 90 in whole[1]
    assert len(lines[1]) == width
    assert lines[1].endswith("t…")
    assert lines[2].endswith("第…")


@pytest.mark.parametrize("folder", ["mill", "a mill"])
def test_a_command_for_the_current_directory_does_not_name_it_on_a_terminal(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    here = tmp_path / folder
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("MILLRACER_WORKSPACE", raising=False)
    monkeypatch.delenv("MILLRACER_SESSION_ID", raising=False)
    terminal(width=400, NO_COLOR="1")
    mine = f"millracer show x --workspace {shlex.quote(str(here))}"

    assert from_here(f"run `{mine}` --force") == "run `millracer show x` --force"
    assert from_here(f"{mine}/below") == f"{mine}/below"
    assert command_lines("", mine) == ["millracer show x"]
    assert lay_out(f"  to show: {mine}", Stream.ERR) == "  to show: millracer show x"
    for name in ("MILLRACER_WORKSPACE", "MILLRACER_SESSION_ID"):
        monkeypatch.setenv(name, "other")
        assert from_here(mine) == mine
        monkeypatch.delenv(name)


def test_a_program_that_the_environment_names_is_not_named_on_a_terminal(
    terminal: Terminal,
) -> None:
    terminal(width=200, MILLRACER_MILLRACE_COMMAND="/opt/my millrace")
    command = "millracer show x --workspace /w"

    assert from_here(f"{command} --millrace-command '/opt/my millrace'") == command
    assert from_here(f"{command} --millrace-command /opt") == f"{command} --millrace-command /opt"


def test_a_column_without_room_is_dropped(terminal: Terminal) -> None:
    terminal(width=60, NO_COLOR="1")
    header, row = ("STATE", "ID", "TITLE"), ("done", "x" * 40, "Fix the header of every page")

    assert table(header, [row], shrinks=("TITLE",), drops="TITLE")[1] == f"done   {'x' * 40}"
    terminal(width=70, NO_COLOR="1")
    (_, line) = table(header, [row], shrinks=("TITLE",), drops="TITLE")
    assert (len(line), line[-1]) == (70, "…")


def test_the_last_column_of_a_list_hangs(terminal: Terminal) -> None:
    terminal(width=50, NO_COLOR="1")

    lines = lay_out(f"  /watch [ID]   {_SENTENCE}", Stream.OUT).split("\n")

    assert max(map(len, lines)) <= 50
    assert all(line.startswith(" " * 16) for line in lines[1:])


def test_a_column_that_may_shrink_has_to_be_in_the_table() -> None:
    with pytest.raises(ValueError, match="tuple"):
        table(("ID",), [("x",)], shrinks=("TITLE",))


def test_a_table_leaves_room_for_its_indent(terminal: Terminal) -> None:
    terminal(width=40, NO_COLOR="1")

    lines = table(("ID", "TITLE"), [("x", "t" * 60)], shrinks=("TITLE",), indent=10)

    assert max(map(len, lines)) == 30
