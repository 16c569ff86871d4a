"""Pages that code writes are fresh, and say the same wherever they are written."""

import pytest

from tests.docs import cli_page
from tests.docs.generated import GENERATED, Generated


@pytest.mark.parametrize("generated", GENERATED, ids=lambda each: each.page)
def test_a_page_is_what_make_docs_writes(generated: Generated) -> None:
    assert generated.current() == generated.write()


def test_the_page_of_commands_does_not_depend_on_who_writes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = cli_page.render()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("MILLRACER_THINKING", "low")

    assert cli_page.render() == expected


def test_the_page_of_commands_holds_no_colour_and_no_home(clean_environment: object) -> None:
    page = cli_page.render()

    assert "\x1b" not in page
    assert str(clean_environment) not in page
    # A choice of names is one word, however many there are.
    breakable = [line for line in page.splitlines() if "|" not in line]
    assert max(map(len, breakable)) <= 104


def test_every_command_and_every_option_says_what_it_does() -> None:
    silent = [" ".join(each.words) for each in cli_page.help_pages() if each.help.count("\n") < 3]

    assert silent == []


def test_no_list_of_commands_is_cut_off_on_a_common_terminal() -> None:
    lists = [
        each.help.partition("Commands:")[2]
        for each in cli_page.help_pages(columns=80)
        if each.is_group
    ]

    assert all(lists)
    assert [line for text in lists for line in text.splitlines() if line.endswith("...")] == []
