"""How pages are read, and when output counts as what a page shows."""

import ast
import json
import tomllib
from pathlib import Path

import pytest

import millracer
from tests.docs import likeness
from tests.docs.screen import Screen
from tests.docs.shown import ROOT, Block, blocks, pages, shown

_PAGE = """\
Text with `millracer run`.

```sh
# a comment
millracer config path
echo '{"a": 1}' \\
  | millracer ops --json
make help
```

  ```console
  $ millracer run \\
  >   "A task"
  began

  done
  $ echo $?
  3
  ```

```json a/request.json
{}
```
"""


def _read(tmp_path: Path, text: str = _PAGE) -> list[Block]:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return list(blocks(page))


def test_each_command_of_a_block_is_found_with_its_line(tmp_path: Path) -> None:
    found = list(shown(_read(tmp_path)[0]))

    assert [(each.line, each.command, each.output) for each in found] == [
        (5, "millracer config path", None),
        (6, "echo '{\"a\": 1}' \\\n  | millracer ops --json", None),
        (8, "make help", None),
    ]


def test_a_session_has_its_commands_with_their_output(tmp_path: Path) -> None:
    found = list(shown(_read(tmp_path)[1]))

    assert [(each.line, each.command, each.output, each.output_line) for each in found] == [
        (12, 'millracer run \\\n  "A task"', ("began", "", "done"), 14),
        (17, "echo $?", ("3",), 18),
    ]


def test_a_named_block_is_a_file(tmp_path: Path) -> None:
    block = _read(tmp_path)[2]

    assert (block.language, block.file_name, block.text) == ("json", "a/request.json", "{}\n")
    assert list(shown(block)) == []


@pytest.mark.parametrize(
    "text", ["```sh\nmillracer config path\n", "```console\nno prompt\n```\n"], ids=["open", "bare"]
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1|page\.md:2"):
        [list(shown(block)) for block in _read(tmp_path, text)]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("one\ntwo\n", ("one", "two")),
        ("one  \n\ntwo\n\n", ("one", "", "two")),
        ("run-0123456789abcdef0123456789abcdef", ("run-" + "f" * 32,)),
        ("at 2026-11-23T04:51:21.389857Z, 12.3 s", ("at 2025-01-02T03:04:05Z, 1.0 s",)),
        ("[   0.2s] decide", ("[ 10.9s] decide",)),
        ('"monitor": 4.5,', ('"monitor": 0.25,',)),
        ("a\nb\nc\nd\n", ("a", "…", "d")),
        ("a\nd\n", ("a", "  …", "d")),
        ("a long line\n", ("a lo…",)),
    ],
)
def test_what_differs_by_what_varies_is_alike(printed: str, shown: tuple[str, ...]) -> None:
    assert likeness.is_like(printed, shown)


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("one\n", ("two",)),
        ("one\ntwo\n", ("one",)),
        ("one\n", ("one", "two")),
        ("one\n", ()),
        ("exit 4\n", ("exit 3",)),
        ("a\nb\nc\n", ("a", "…", "d")),
        ("a line\n", ("b l…",)),
        ("", ("one",)),
    ],
)
def test_every_other_case_is_reported(printed: str, shown: tuple[str, ...]) -> None:
    assert not likeness.is_like(printed, shown)


def test_a_screen_keeps_what_was_drawn_over_out_and_what_scrolled_away_in() -> None:
    screen = Screen(20, 3)

    screen.write("working\r\x1b[2Kone\r\n\x1b[1mtwo\x1b[0m\r\nthree\r\nfour\r\n")

    assert screen.text() == "one\ntwo\nthree\nfour\n"


def _is_of(language: str, block: Block) -> None:
    """Hold a block to the language that its fence names."""
    match language:
        case "json" if str(block.file_name).endswith(".jsonl"):
            for line in block.lines:
                json.loads(line)
        case "json":
            json.loads(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "python":
            for statement in ast.parse(block.text).body:
                if isinstance(statement, ast.ImportFrom) and statement.module == "millracer":
                    assert {name.name for name in statement.names} <= set(millracer.__all__)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_is_of_the_language_it_says(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {
            *("sh", "console", "text", "json", "toml", "python", "yaml", "mermaid", ""),
        }, f"{page}:{block.line}"
        _is_of(block.language, block)
