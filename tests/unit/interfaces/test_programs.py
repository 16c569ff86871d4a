"""The words that name a program, as a command line may give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.errors import UsageError
from millracer.interfaces.programs import program_words

_MANY_WORDS = ("run-it", *["word"] * 200)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("millrace", ("millrace",)),
        ("python -m millrace", ("python", "-m", "millrace")),
        (" ".join(_MANY_WORDS), _MANY_WORDS),
        ("~no-such-person/millrace --plain", ("/~no-such-person/millrace", "--plain")),
        ("/opt/./millrace", ("/opt/millrace",)),
    ],
    ids=["a name", "words", "more words than a path holds", "nobody's home", "a path"],
)
def test_a_program_is_split_into_words(
    monkeypatch: pytest.MonkeyPatch, command: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir("/")

    assert program_words(command, "--millrace-command") == words


def test_a_path_with_blanks_that_exists_is_one_word(tmp_path: Path) -> None:
    program = tmp_path / "my millrace"
    program.touch()

    assert program_words(str(program), "--millrace-command") == (str(program),)


@pytest.mark.parametrize("command", ["", "  ", "'unclosed"])
def test_what_names_no_program_is_wrong_use(command: str) -> None:
    with pytest.raises(UsageError, match="--millrace-command"):
        program_words(command, "--millrace-command")


def test_a_path_below_a_directory_that_is_gone_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert program_words("./millrace", "--millrace-command") == ("./millrace",)
