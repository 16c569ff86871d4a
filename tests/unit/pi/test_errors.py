from __future__ import annotations

from collections.abc import Callable

import pytest

from millracer.errors import ToolFailed
from millracer.pi import errors
from millracer.pi.frames import ModelData
from millracer.pi.turn import EndKind, TurnEnd


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (["Error: Unknown provider 'x'."], "pi_unknown_provider", "Unknown provider 'x'"),
        (["Warning: old", "No models available."], "pi_no_credentials", "No models available."),
        (["Error: Unknown option: --no-such"], "pi_start_failed", "--no-such (exit code 1)"),
        ([], "pi_start_failed", "it printed nothing"),
        (
            ['Error: Model "m" is ambiguous: a/m. No matching provider is authenticated.'],
            "pi_no_credentials",
            "a/m. No matching",
        ),
        (
            [
                "node:internal/modules/esm:2",
                "^",
                "SyntaxError: no export",
                "at x (y:1)",
                "Node.js v20",
            ],
            "pi_start_failed",
            "SyntaxError: no export",
        ),
    ],
)
def test_a_pi_that_dies_at_start_is_reported_in_its_own_words(
    lines: list[str], code: str, words: str
) -> None:
    error = errors.start_failure(1, lines)

    assert error.code == code
    assert error.suggested_action
    for word in words.removesuffix(" (exit code 1)").split():
        assert word in error.message


def test_a_signal_is_named_as_such() -> None:
    assert "9" in errors.death(-9, []).message
    assert "-9" not in errors.death(-9, []).message
    assert "3" in errors.death(3, []).message


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (TurnEnd(EndKind.REJECTED, words="No API key found for x."), "pi_no_credentials"),
        (TurnEnd(EndKind.REJECTED, words="Agent is already processing."), "pi_prompt_rejected"),
        (TurnEnd(EndKind.FAILED, words="500 oops"), "pi_model_error"),
        (TurnEnd(EndKind.EMPTY), "pi_answer_empty"),
        (TurnEnd(EndKind.TRUNCATED), "pi_answer_truncated"),
        (TurnEnd(EndKind.ABORTED), "pi_turn_aborted"),
        (TurnEnd(EndKind.UNFINISHED, words="toolUse"), "pi_turn_unfinished"),
        (TurnEnd(EndKind.HANDLED), "pi_prompt_handled"),
    ],
)
def test_every_end_without_an_answer_has_a_code_of_its_own(end: TurnEnd, code: str) -> None:
    error = errors.turn_failure(end)

    assert error.code == code
    assert end.words in error.detail


def test_only_the_first_paragraph_of_pis_words_is_shown() -> None:
    error = errors.turn_failure(TurnEnd(EndKind.REJECTED, words="No API key.\n\nSee docs."))

    assert error.message.endswith(": No API key.")
    assert "See docs." in error.detail


@pytest.mark.parametrize("words", ["401 Unauthorized", "403: {}", "Invalid API key"])
def test_refused_credentials_suggest_a_login(words: str) -> None:
    error = errors.turn_failure(TurnEnd(EndKind.FAILED, words=words))

    assert "/login" in (error.suggested_action or "")
    # The pi that `millracer setup` installed is on no user's PATH.
    assert "`millracer doctor`" in (error.suggested_action or "")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ('401: {"message":"who are you","type":"x"}', "401: who are you"),
        ('400 {"type":"error","error":{"message":"too long"}} (a)', "400 too long (a)"),
        ('500: {"error":"oops"}', "500: oops"),
        ('400: {"message":"' + "m" * 900 + '"}', "400: " + "m" * 395),
        ('400: {"message":""}', '400: {"message":""}'),
        ('400: {"error":{"code":7}}', '400: {"error":{"code":7}}'),
        ('400: {"error":[]}', '400: {"error":[]}'),
        ("400: {not json}", "400: {not json}"),
    ],
)
def test_a_providers_json_is_shown_by_its_message(words: str, shown: str) -> None:
    conversation = errors.turn_failure(TurnEnd(EndKind.FAILED, words=words))
    process = errors.print_failure(1, [f"Error: {words}"])

    assert conversation.message.endswith(f": {shown}")
    assert words[:300] in conversation.detail
    assert f": Error: {shown}"[:400] in process.message
    assert words in process.detail


_UNREACHABLE = ("Connection error.", "fetch failed", "connect ECONNREFUSED 127.0.0.1:9")
_SERVER = ModelData(provider="local", id="m", base_url="http://me:pw@127.0.0.1:9/v1?key=k")


@pytest.mark.parametrize("words", _UNREACHABLE)
def test_a_model_server_that_does_not_answer_is_named_without_secrets(words: str) -> None:
    end = TurnEnd(EndKind.FAILED, words=words)
    for error in (
        errors.turn_failure(end, _SERVER),
        errors.print_failure(1, [f"Error: {words}"], _SERVER),
    ):
        assert error.code == "pi_model_error"
        assert words in error.message
        for text in (error.message, error.suggested_action or ""):
            assert "http://127.0.0.1:9/v1" in text
            assert "pw" not in text
            assert "key" not in text
        assert "provider local" in error.message
    assert errors.turn_failure(end).code == "pi_model_error"


def test_a_model_error_of_a_server_that_answers_is_not_a_connection_error() -> None:
    error = errors.turn_failure(TurnEnd(EndKind.FAILED, words="500 Connection error"), _SERVER)

    assert "127.0.0.1" not in error.message


@pytest.mark.parametrize("failure", [errors.start_failure, errors.print_failure])
@pytest.mark.parametrize(
    "words",
    [
        'Error: Model "x/y" not found. Use --list-models to see available models.',
        'Model "m" is ambiguous across providers: a/m, b/m. More than one is authenticated.',
    ],
)
def test_a_model_that_pi_cannot_choose_is_answered_with_the_list_of_models(
    failure: Callable[..., ToolFailed], words: str
) -> None:
    error = failure(1, [words])

    assert error.code == "pi_start_failed"
    assert "`millracer models`" in (error.suggested_action or "")


@pytest.mark.parametrize("failure", [errors.start_failure, errors.print_failure])
def test_a_node_too_old_for_this_pi_is_named(failure: Callable[..., ToolFailed]) -> None:
    words = "SyntaxError: The requested module 'node:fs' does not provide an export named 'x'"

    error = failure(1, ["import { x } from 'node:fs';", words])

    assert error.code == "pi_start_failed"
    assert words in error.message
    assert "Node 22.19" in (error.suggested_action or "")


def test_a_missing_module_of_a_pi_extension_is_not_an_error_of_node() -> None:
    error = errors.start_failure(1, ["Error: Cannot find the model 'x' of this provider"])

    assert "Node" not in str(error.suggested_action)


def test_warnings_are_collected_once() -> None:
    lines = ["Warning: no such model", "noise", "warning:  no such model", "Warning: other"]

    assert errors.warning_texts(lines) == ("no such model", "other")
