"""The `[[notify]]` tables of the user's file; each error names file, line, table and key."""

from __future__ import annotations

import pytest

from millracer.domain.configuration import NOT_FOR_A_WORKSPACE
from millracer.domain.notifications import NotifyTarget
from millracer.domain.run.outcome import Outcome
from millracer.errors import ConfigInvalid
from millracer.schemas.config_file import ConfigOptions, parse_config

HOOK = '[[notify]]\nurl = "https://example.com/hook"\nsecret_env = "HOOK_SECRET"\n'


def parse(text: str, *, of_workspace: bool = False) -> ConfigOptions:
    return parse_config(text.encode(), "/the/file.toml", of_workspace=of_workspace)


def refusal(text: str, *, of_workspace: bool = False) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refused:
        parse(text, of_workspace=of_workspace)
    return refused.value


def test_a_file_without_tables_notifies_no_receiver() -> None:
    assert parse("").notify == ()


def test_tables_are_receivers_and_no_options() -> None:
    config = parse(
        'route = "direct"\n'
        '[[notify]]\non = ["blocked", "failed"]\ncommand = ["notify-send", "Millracer"]\n'
        f"{HOOK}"
    )

    assert config.given() == {"route": "direct"}
    assert config.notify == (
        NotifyTarget(
            outcomes=frozenset({Outcome.BLOCKED, Outcome.FAILED}),
            command=("notify-send", "Millracer"),
        ),
        NotifyTarget(
            outcomes=frozenset(Outcome),
            url="https://example.com/hook",
            secret_variable="HOOK_SECRET",
        ),
    )


@pytest.mark.parametrize("text", [HOOK, 'notify = [{command = ["x"]}]', '[notify]\nurl = "x"'])
def test_the_file_of_a_workspace_sets_no_receivers(text: str) -> None:
    error = refusal(text, of_workspace=True)

    assert error.message.startswith("/the/file.toml, line 1: ")
    assert NOT_FOR_A_WORKSPACE["notify"] in error.message
    assert error.suggested_action


@pytest.mark.parametrize(
    ("table", "line", "key"),
    [
        ('on = ["done"]\ncommand = ["x"]', 6, "on"),
        ("on = []\ncommand = ['x']", 6, "on"),
        ('on = "blocked"\ncommand = ["x"]', 6, "on"),
        ('command = "notify-send done"', 6, "command"),
        ("command = []", 6, "command"),
        ('command = [""]', 6, "command"),
        ('command = ["./notify"]', 6, "command"),
        ('command = ["x", 1]', 6, "command"),
        ('secret_env = "S"\nurl = "http://example.com/"', 7, "url"),
        ('url = "https://example.com/"\nsecret_env = "$S"', 7, "secret_env"),
        ('command = ["x"]\nurls = "https://example.com/"', 7, "urls"),
        ('url = "https://example.com/"', 5, "secret_env"),
        ('on = ["blocked"]', 5, "command or url"),
        ('command = ["x"]\nurl = "https://example.com/"\nsecret_env = "S"', 5, "command or url"),
    ],
)
def test_an_error_names_file_line_table_and_key(table: str, line: int, key: str) -> None:
    error = refusal(f'{HOOK}\n[[ "notify" ]]\n{table}\n[[notify]]\ncommand = ["y"]\n')

    assert error.message.startswith(f"/the/file.toml, line {line}: [[notify]] number 2: ")
    assert key in error.message
    assert error.suggested_action


@pytest.mark.parametrize("text", ['notify = "x"', "[notify]\nurl = 'x'", "notify = [1]"])
def test_what_is_not_a_list_of_tables_is_refused(text: str) -> None:
    error = refusal(text)

    assert error.message.startswith("/the/file.toml, line 1: notify ")
    assert "[[notify]]" in (error.suggested_action or "")


def test_a_misspelled_table_is_reported_with_its_name() -> None:
    assert "notify?" in (refusal('[[notfy]]\ncommand = ["x"]').suggested_action or "")
