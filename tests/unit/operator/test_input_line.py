import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.operator.input_line import (
    COMMANDS,
    CommandLine,
    CommandName,
    TaskLine,
    UnknownCommand,
    parse_line,
)


@pytest.mark.parametrize("text", ["", " ", "\t", "\n \n", " \u2003 "])
def test_a_blank_line_says_nothing(text: str) -> None:
    assert parse_line(text) is None


@pytest.mark.parametrize(
    "text", ["Fix it", "  indented\n\ttoo \n", "a /status inside", "x", "status", "\n/status", "é"]
)
def test_what_does_not_begin_with_a_slash_is_a_task_exactly_as_it_is(text: str) -> None:
    assert parse_line(text) == TaskLine(text)


@pytest.mark.parametrize(
    ("text", "task"),
    [(" /etc/hosts is wrong", "/etc/hosts is wrong"), (" /status", "/status"), (" /", "/")],
)
def test_one_blank_before_a_slash_makes_a_task_and_is_not_part_of_it(text: str, task: str) -> None:
    assert parse_line(text) == TaskLine(task)


def test_more_than_one_blank_belongs_to_the_task() -> None:
    assert parse_line("  /status") == TaskLine("  /status")


@pytest.mark.parametrize("name", CommandName)
def test_each_command_is_known_alone_and_with_an_argument(name: CommandName) -> None:
    assert parse_line(f"/{name}") == CommandLine(name, "")
    assert parse_line(f"/{name}  two words ") == CommandLine(name, "two words")


def test_a_commands_case_and_the_blanks_around_it_do_not_matter() -> None:
    assert parse_line("/STATUS") == CommandLine(CommandName.STATUS, "")
    assert parse_line("/workspace\t~/my shop\n") == CommandLine(CommandName.WORKSPACE, "~/my shop")


def test_the_older_name_of_watch_still_works() -> None:
    assert parse_line("/resume x") == parse_line("/watch x")


def test_an_argument_keeps_its_case() -> None:
    assert parse_line("/Mode Learning") == CommandLine(CommandName.MODE, "Learning")


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("statsu", CommandName.STATUS),
        ("workspaces", CommandName.WORKSPACE),
        ("wacth", CommandName.WATCH),
        ("exot", CommandName.EXIT),
        ("hlep", CommandName.HELP),
        ("q", CommandName.QUIT),
        ("w", CommandName.WORKSPACE),
        ("hist", CommandName.HISTORY),
        ("xyzzy", None),
        ("etc/hosts", None),
        ("", None),
    ],
)
def test_an_unknown_command_suggests_the_nearest(word: str, nearest: CommandName | None) -> None:
    assert parse_line(f"/{word}") == UnknownCommand(word, nearest)


def test_every_command_is_described() -> None:
    usages = [f"{name} {follows}".rstrip() for name, (follows, _) in COMMANDS.items()]

    assert usages == [
        "help",
        "status",
        "workspace [ID|PATH]",
        "mode [NAME|-]",
        "route [auto|direct|millrace]",
        "intake [auto|probe|idea|task]",
        "last [json]",
        "history",
        "show [ID]",
        "logs [ID]",
        "diff [ID]",
        "retry ID",
        "watch [ID]",
        "exit",
        "quit",
    ]
    assert all(does for _, does in COMMANDS.values())


@given(st.text())
def test_any_text_is_a_task_a_command_a_slip_or_nothing(text: str) -> None:
    match parse_line(text):
        case None:
            assert not text.strip()
        case TaskLine(text=task):
            assert task in {text, text[1:]}
            assert not text.startswith("/")
        case CommandLine() | UnknownCommand():
            assert text.startswith("/")
