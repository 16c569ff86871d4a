"""The content of a configuration file, and the report about a forbidden one."""

from __future__ import annotations

import pytest

from millracer.domain.configuration import LONGEST_CONFIG_BYTES, NOT_FOR_A_FILE, NOT_FOR_A_WORKSPACE
from millracer.domain.run.options import FILE_OPTIONS
from millracer.errors import ConfigInvalid
from millracer.schemas.config_file import ConfigOptions, parse_config
from millracer.schemas.run.options import GivenOptions
from tests.support.option_values import as_json, toml_of, value_of

EVERYTHING = toml_of(FILE_OPTIONS).encode()


#: Written by hand: what is missing in the table would be missing in a test made from it.
FOR_THE_USER_ALONE = {
    *("millrace_command", "pi_command", "skill", "no_default_skills", "cwd"),
    *("checks", "check_in"),
}


def parse(text: str | bytes, *, of_workspace: bool = False) -> ConfigOptions:
    raw = text.encode() if isinstance(text, str) else text
    return parse_config(raw, "/the/file.toml", of_workspace=of_workspace)


def refusal(text: str | bytes, *, of_workspace: bool = False) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as refused:
        parse(text, of_workspace=of_workspace)
    return refused.value


def test_a_file_can_set_every_option_of_a_run_and_the_programs() -> None:
    options = parse(EVERYTHING)

    assert options.model_fields_set == set(ConfigOptions.model_fields)
    assert {each.name: as_json(getattr(options, each.name)) for each in FILE_OPTIONS} == {
        each.name: as_json(value_of(each)) for each in FILE_OPTIONS
    }
    assert set(ConfigOptions.model_fields) == {
        *GivenOptions.model_fields,
        "millrace_command",
        "pi_command",
    }


def test_an_empty_file_says_nothing() -> None:
    assert parse("") == ConfigOptions()
    assert parse("\ufeff# a comment\r\n".encode(), of_workspace=True) == ConfigOptions()


@pytest.mark.parametrize("key", sorted(FOR_THE_USER_ALONE))
def test_a_workspace_decides_neither_what_runs_nor_where(key: str) -> None:
    (line,) = [line for line in EVERYTHING.decode().splitlines() if line.startswith(f"{key} =")]
    parse(line)

    error = refusal(f"# mine\n{line}", of_workspace=True)

    assert error.message.startswith("/the/file.toml, line 2: ")
    assert NOT_FOR_A_WORKSPACE[key] in error.message
    assert error.suggested_action


@pytest.mark.parametrize("key", ["millrace-command", "PI_COMMAND", "'Skill'"])
def test_another_spelling_is_advised_no_key_that_is_near_by_chance(key: str) -> None:
    error = refusal(f"{key} = 'x'", of_workspace=True)

    assert error.message.startswith("/the/file.toml, line 1: ")
    assert "did you mean" not in (error.suggested_action or "")


@pytest.mark.parametrize("of_workspace", [True, False])
@pytest.mark.parametrize(
    "text", ['workspace = "/w"', 'session_id = "s"', 'environment = {A = "1"}', "[environment]"]
)
def test_what_no_file_sets_is_refused_with_who_does(text: str, *, of_workspace: bool) -> None:
    error = refusal(text, of_workspace=of_workspace)

    (key,) = [key for key in NOT_FOR_A_FILE if key in text]
    assert ", line 1" in error.message
    assert NOT_FOR_A_FILE[key] in (error.suggested_action or "")


def test_everything_else_is_a_workspaces_to_say() -> None:
    lines = EVERYTHING.decode().splitlines()
    kept = [line for line in lines if line.partition(" ")[0] not in FOR_THE_USER_ALONE]

    said = parse("\n".join(kept), of_workspace=True).model_fields_set

    assert said == set(ConfigOptions.model_fields) - FOR_THE_USER_ALONE


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("thinkng", "thinking"),
        ("daemon-timeout-seconds", "daemon_timeout_seconds"),
        ("Route", "route"),
        ("millrace-comand", "millrace_command"),
    ],
)
def test_an_unknown_key_is_reported_with_the_nearest(key: str, meant: str) -> None:
    error = refusal(f"\n\n{key} = 1")

    assert error.message.startswith("/the/file.toml, line 3: ")
    assert repr(key) in error.message
    assert f"{meant}?" in (error.suggested_action or "")


def test_a_key_that_is_near_nothing_is_reported_with_all_known_keys() -> None:
    action = refusal("[tool.other]\nx = 1", of_workspace=True).suggested_action or ""

    assert "route, intake, millrace_mode" in action
    assert "command" not in action


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('route = "sideways"', "'auto'"),
        ("thinking = 3", "3"),
        ("thinking = 2020-01-01", "2020-01-01"),
        ('model = ""', '""'),
        ('model = "--extension=/evil.js"', "dash"),
        ('provider = "a\\nb"', "line"),
        ('millrace_mode = "../../mode"', "mode"),
        ('cwd = "here"', "~"),
        ('skill = ["/a", "b"]', "~"),
        ('skill = "/a"', "/a"),
        ('pi_command = "./pi"', "~"),
        ("pi_command = \"'bin/my pi' --x\"", "~"),
        ("pi_command = \"''\"", "program"),
        ("thinking = {low = true}", "tables"),
        ('skill = [["/a"]]', "tables"),
        ("max_daemon_restarts = 99999999999999999999", "number"),
        ("keep_daemon = 1", "boolean"),
        ("max_daemon_restarts = 1.5", "1.5"),
        ("max_daemon_restarts = -1", " 0"),
        ("pi_timeout_seconds = 0", "0.1"),
        ("pi_timeout_seconds = inf", "finite"),
        ("pi_timeout_seconds = nan", "NaN"),
        ('pi_timeout_seconds = "5"', "number"),
        ('checks = ["pytest -q"]', "array"),
        ("checks = [[]]", "at least 1"),
        ('checks = [[" "]]', "program"),
        ('checks = [[["pytest"]]]', "tables"),
    ],
)
def test_a_wrong_value_is_reported_with_file_line_and_key(text: str, why: str) -> None:
    error = refusal(f'finalizer = "pi"\n{text}')

    assert error.message.startswith("/the/file.toml, line 2: ")
    assert text.split(" ", maxsplit=1)[0] in error.message
    assert why in error.message
    assert text.split(" ", maxsplit=1)[0] in (error.suggested_action or "")


@pytest.mark.parametrize(
    "value",
    [f"0x{'f' * 5_000}", f"{{{'a.' * 500}a = 1}}", f"{{{'a.' * 3_000}a = 1}}"],
    ids=["number", "deep", "deeper"],
)
def test_a_value_without_end_is_a_wrong_value_and_not_a_bug(value: str) -> None:
    error = refusal(f"max_daemon_restarts = {value}", of_workspace=True)

    assert error.message.startswith("/the/file.toml, line 1: max_daemon_restarts: ")


@pytest.mark.timeout(60)
def test_a_file_made_to_be_slow_to_read_is_refused_early() -> None:
    names = LONGEST_CONFIG_BYTES // 4 - 4

    assert "'a'" in refusal(f"[{'a.' * names}a]\nx{'.y' * names} = 1").message


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"route = direct", "Invalid value (at line 1, column 9)"),
        (b"a = 1\na = 2", "TOML"),
        (b"a = " + b"[" * 8_000, "TOML"),
        (b"a = " + b"9" * 5_000, "TOML"),
        (b"route = '\xff'", "UTF-8"),
        ("route = 'auto'".encode("utf-16"), "UTF-16"),
        (b"#" * (LONGEST_CONFIG_BYTES + 1), ""),
    ],
    ids=["value", "twice", "deep", "large number", "bytes", "UTF-16", "long"],
)
def test_invalid_toml_is_reported_with_the_file(raw: bytes, why: str) -> None:
    error = refusal(raw)

    assert error.message.startswith("/the/file.toml")
    assert why in error.message
    assert error.suggested_action


def test_a_value_of_any_length_is_reported_in_a_line() -> None:
    assert len(refusal(f"thinking = [{'1, ' * 2_000}]").message) < 250
