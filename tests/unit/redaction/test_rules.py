import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millracer.redaction.rules import MARK, Redaction, secret_values
from tests.support.secret_texts import HARMLESS, IN_PLACE, KEYS, secrets

_VALUE = "correct-horse-battery-staple"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("around", ["{}", "before {} after", "line\n{}\nline", "(key='{}')"])
def test_a_key_is_known_by_its_shape(key: str, around: str) -> None:
    assert Redaction().text(around.format(key)) == around.format(MARK)


@pytest.mark.parametrize(("text", "secret"), IN_PLACE.values(), ids=IN_PLACE.keys())
def test_the_place_that_identifies_a_key_stays(text: str, secret: str) -> None:
    assert Redaction().text(text.format(secret)) == text.format(MARK)


@pytest.mark.parametrize("text", HARMLESS)
def test_text_that_is_not_a_key_stays(text: str) -> None:
    assert Redaction().text(text) == text


def test_a_private_key_in_json_is_known_too() -> None:
    text = json.dumps({"key": KEYS["pem"], "other": "stays"})

    assert json.loads(Redaction().text(text)) == {"key": MARK, "other": "stays"}


@given(st.lists(secrets(), max_size=4), st.text(), st.data())
@example(["abcdefgh", "efghijkl"], "abcdefghijkl", None)
@example(["abcabcab1"], "abcabcabcab1", None)
@example(["]abcdefg", "12345678"], "12345678abcdefg", None)
@example(["dacted]a", "12345678"], "12345678a" * 2, None)
def test_no_known_value_survives_and_a_second_time_changes_nothing(
    values: list[str], text: str, data: st.DataObject | None
) -> None:
    if data is not None:
        pieces = st.lists(st.sampled_from([*values, "a", "B0", " ", MARK, "\n"]) | st.text())
        text += "".join(data.draw(pieces))
    redaction = Redaction(values)

    redacted = redaction.text(text)

    assert [value for value in values if value in redacted and value not in MARK] == []
    assert redaction.text(redacted) == redacted


def test_values_that_overlap_themselves_or_others_are_covered_whole() -> None:
    assert Redaction(["abcdabcd"]).text("<abcdabcdabcd>") == f"<{MARK}>"
    assert Redaction(["abcdefgh", "efghijkl"]).text("<abcdefghijkl>") == f"<{MARK}>"


@given(st.lists(st.text("xyz .,\n", max_size=6), min_size=1), st.lists(secrets(), min_size=1))
def test_all_else_is_unchanged(pieces: list[str], values: list[str]) -> None:
    values = [value for value in values if set(value) <= set("abAB01")] or [_VALUE]
    redaction = Redaction(values)

    assert redaction.text(f" {values[0]} ".join(pieces)) == f" {MARK} ".join(pieces)


@given(st.integers(0, len(_VALUE)), st.integers(0, len(_VALUE)))
def test_a_value_that_was_cut_is_known_by_its_beginning_or_its_end(first: int, last: int) -> None:
    text = f"it said: {_VALUE[:first]}\n{_VALUE[last:]}"

    redacted = Redaction([_VALUE]).text(text)

    assert _VALUE[:16] not in redacted
    assert _VALUE[-16:] not in redacted


@pytest.mark.parametrize(
    "shown",
    [
        lambda value: json.dumps({"said": value}),
        lambda value: json.dumps({"said": value}, ensure_ascii=False),
        repr,
        lambda value: "\n".join(line.strip() for line in value.splitlines()),
        lambda value: "https://host/?x=caf%C3%A9%22%5C%0A%20%20second%20line%20of%20it",
    ],
    ids=["json", "utf8-json", "python", "lines", "address"],
)
def test_a_value_is_known_however_it_is_spelled(shown: object) -> None:
    value = 'café"\\\n  second line of it'
    assert callable(shown)

    redacted = Redaction([value]).text(shown(value))

    assert "second" not in redacted
    assert MARK in redacted


@pytest.mark.parametrize(
    "value", ["short12", "aaaaaaaaaaaa", "abababababab", "redacted", MARK, f"x{MARK}y"]
)
def test_a_common_word_is_not_a_value(value: str) -> None:
    assert Redaction([value]).text(f"<{value}>") == f"<{value}>"


@pytest.mark.parametrize(
    "name",
    [
        *("API_KEY", "OPENAI_API_KEY", "apikey", "GH_TOKEN", "npm_config__authToken"),
        *("CLIENT_SECRET", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "SMTP_PASS", "GITHUB_PAT"),
        *("AWS_CREDENTIALS", "SERVICE_AUTH", "PROXY_AUTHORIZATION", "KEY", "AWS_SECRET_ACCESS_KEY"),
        *("MILLRACER_OWNER_TOKEN", "SIGNING_KEY_ID", "SSH_PASSPHRASE", "HTTP_BEARER"),
    ],
)
def test_a_variable_is_known_by_its_name(name: str) -> None:
    assert secret_values([(name, "  some-Value1  ")]) == {"some-Value1"}


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "EDITOR", "GIT_AUTHOR_NAME", "AUTHOR", "XAUTHORITY", "KEYBOARD", "TOKENIZER"),
        *("TOKENIZERS_PARALLELISM", "SSH_AUTH_SOCK", "TOKEN_FILE", "AUTH_TYPE", "API_KEY_HEADER"),
        *("PASSWORD_STORE_DIR", "COMPASS", "PATTERN", "SECRET_NAME", "KEYMAP", "TOKEN_EXPIRY"),
    ],
)
def test_a_variable_that_holds_no_key_is_none(name: str) -> None:
    assert secret_values([(name, "some-Value1")]) == frozenset()


@pytest.mark.parametrize(
    "value",
    [
        *("short", "", "true", "1234567890", "12.5", "2026-01-01", "/home/user/.keys/one.pem"),
        *("~/keys/service.json", "./key.pem", "../keys/file", "https://host/path"),
    ],
)
def test_a_value_that_is_not_a_key_is_none(value: str) -> None:
    assert secret_values([("API_KEY", value)]) == frozenset()


@pytest.mark.parametrize("name", ["PWD", "OLDPWD"])
def test_a_folder_that_is_called_like_a_key_stays(name: str) -> None:
    assert secret_values([(name, "/home/ann/Kubernetes-Migration-2024")]) == frozenset()


def test_a_key_that_begins_like_a_path_is_one() -> None:
    value = "/" + "wJalrXUtnFEMI7K7" + "/bPxRfiCY"

    assert secret_values([("AWS_SECRET_ACCESS_KEY", value)]) == {value}


def test_the_password_in_an_address_is_known_as_it_is_and_decoded() -> None:
    found = secret_values([("DATABASE_URL", "postgres://u:p%40ss-word@host/db")])

    assert found == {"p%40ss-word", "p@ss-word"}


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "sk-",
            "sk-aaaa-",
            "eyJ",
            "eyJaaaaa.",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            "://a:b",
            "://:",
        ),
        *(
            "Bearer ",
            "Bearer aaaaaaaaaaaaaaaaaaaa ",
            "Authorization: Basic ",
            "api-key: ",
            "A",
            " ",
        ),
        *(KEYS["openai"], f"{_VALUE} ", _VALUE[:20], "-----BEGIN PRIVATE KEY-----" + " " * 500),
    ],
)
@pytest.mark.parametrize("size", [2_000_000, pytest.param(20_000_000, marks=pytest.mark.slow)])
def test_time_is_linear_whatever_is_repeated(piece: str, size: int) -> None:
    """A pattern that went back over what it took would not end within the test's own limit."""
    text = piece * (size // len(piece))

    redacted = Redaction([_VALUE]).text(text)

    assert len(redacted) <= len(text)
