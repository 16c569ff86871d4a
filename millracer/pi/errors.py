"""How pi's failures become errors: which code, pi's own words, and what the caller can do.

Pure. `code` tells the cases apart that a caller handles differently; all are `ToolFailed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from millracer.errors import ToolFailed
from millracer.pi.frames import TOOL
from millracer.pi.turn import EndKind, TurnEnd

_NO_CREDENTIALS = re.compile(
    r"no api key|no models available|authentication failed|not logged in", re.IGNORECASE
)
_UNKNOWN_PROVIDER = re.compile(r"unknown provider", re.IGNORECASE)
_REFUSED_CREDENTIALS = re.compile(r"^\W*40[13]\b|unauthori[sz]ed|invalid api key", re.IGNORECASE)
_BROKEN_PROGRAM = re.compile(
    r"^(SyntaxError|ReferenceError): |ERR_MODULE_NOT_FOUND|Cannot find (module|package) "
)
_COMPLAINT = re.compile(r"error|no models|unknown|fail|cannot", re.IGNORECASE)
_WARNING = re.compile(r"^warning:\s*", re.IGNORECASE)
_NODE_FRAME = re.compile(r"^(at |node:|Node\.js v|\^+$)")
_WORDS_LIMIT = 400

_LOGIN = (
    "use /login in pi, whose command `millracer doctor` names, or set the provider's API key in "
    "the environment; --provider and --model choose another model"
)
_NAME_MODEL = "name a provider and a model `pi --list-models` shows, with --provider and --model"
_NEWER_NODE = (
    "pi from 0.74 on needs Node 22.19 or newer: put that first on PATH; if it is there already,"
    " install pi again"
)
_RUN_BY_HAND = "run `pi --mode rpc` by hand to see why"

_TURN_ERRORS: dict[EndKind, tuple[str, str, str]] = {
    EndKind.EMPTY: (
        "pi_answer_empty",
        "the model ended its turn without an answer",
        "run the command again; if it stays so, choose another model with --model",
    ),
    EndKind.TRUNCATED: (
        "pi_answer_truncated",
        "the answer was cut off at the model's output limit",
        "ask for less at once, or choose a model with a larger output limit",
    ),
    EndKind.ABORTED: (
        "pi_turn_aborted",
        "the turn was aborted inside pi",
        "run the command again",
    ),
    EndKind.UNFINISHED: (
        "pi_turn_unfinished",
        "pi's turn ended without a final answer",
        "run the command again",
    ),
    EndKind.HANDLED: (
        "pi_prompt_handled",
        "an extension of pi took the prompt, the model never saw it",
        "disable the extension, or start pi with --no-extensions by --pi-command",
    ),
}


def start_failure(exit_code: int | None, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that ended before it answered anything."""
    words = useful_words(stderr)
    if _UNKNOWN_PROVIDER.search(words):
        return _failed("pi_unknown_provider", f"pi did not start: {words}", stderr, _NAME_MODEL)
    if _NO_CREDENTIALS.search(words):
        return _failed("pi_no_credentials", f"pi did not start: {words}", stderr, _LOGIN)
    message = f"pi did not start ({_exit(exit_code)}): {words}"
    action = _NEWER_NODE if _BROKEN_PROGRAM.search(words) else _RUN_BY_HAND
    return _failed("pi_start_failed", message, stderr, action)


def start_timeout(seconds: float, stderr: Sequence[str], skipped: int) -> ToolFailed:
    """Return the error for a pi that runs and answers nothing."""
    message = f"pi did not answer within {seconds:.0f} s of its start: {useful_words(stderr)}"
    if skipped:
        message += f" ({skipped} lines of its output were not of its protocol)"
    return _failed("pi_start_failed", message, stderr, _RUN_BY_HAND)


def death(exit_code: int | None, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that ended in the middle of a turn."""
    message = f"pi ended in the middle of its turn ({_exit(exit_code)}): {useful_words(stderr)}"
    action = "run the command again; what it did so far stays as it is"
    return _failed("pi_died", message, stderr, action)


def print_failure(exit_code: int, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a `pi --print` that ended without success.

    Its exit code 1 does not tell a failed start from a failed model; its words do, for people.
    """
    words = useful_words(stderr)
    if exit_code != 1:
        return death(exit_code, stderr)
    if _BROKEN_PROGRAM.search(words):
        return start_failure(exit_code, stderr)
    if _UNKNOWN_PROVIDER.search(words):
        return _failed("pi_unknown_provider", f"pi did not start: {words}", stderr, _NAME_MODEL)
    if _NO_CREDENTIALS.search(words):
        return _failed("pi_no_credentials", f"pi: {words}", stderr, _LOGIN)
    action = _LOGIN if _REFUSED_CREDENTIALS.search(words) else "run the command again later"
    return _failed("pi_failed", f"pi failed: {words}", stderr, action)


def silence(seconds: float, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that runs but answers no command any more."""
    message = f"pi has not answered for {seconds:.0f} s and was ended: {useful_words(stderr)}"
    return _failed("pi_silent", message, stderr, "run the command again")


def closed() -> ToolFailed:
    """Return the error for a prompt to a conversation that was closed."""
    return _failed("pi_closed", "the conversation with pi is closed", (), "run it again")


def turn_failure(end: TurnEnd) -> ToolFailed:
    """Return the error for a turn that ended without an answer."""
    words = end.words.strip()
    detail = (words,) if words else ()
    shown = _first_paragraph(_without_json(words)) or "it gave no reason"
    match end.kind:
        case EndKind.REJECTED if _NO_CREDENTIALS.search(words):
            return _failed("pi_no_credentials", f"pi: {shown}", detail, _LOGIN)
        case EndKind.REJECTED:
            message = f"pi refused the prompt: {shown}"
            return _failed("pi_prompt_rejected", message, detail, _RUN_BY_HAND)
        case EndKind.FAILED:
            refused = _REFUSED_CREDENTIALS.search(words) or _NO_CREDENTIALS.search(words)
            action = _LOGIN if refused else "run the command again later, or choose another model"
            return _failed("pi_model_error", f"pi's model failed: {shown}", detail, action)
        case kind:
            code, message, action = _TURN_ERRORS[kind]
            return _failed(code, message, detail, action)


def refused(what: str, said: str | None, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that answered a question with a no."""
    message = f"pi does not {what}: {said or 'it gave no reason'}"
    return _failed("pi_refused", message, stderr, _RUN_BY_HAND)


def warning_texts(stderr: Sequence[str]) -> tuple[str, ...]:
    """Return what pi warned of, such as a model it does not know, each once."""
    warned = (line for line in stderr if _WARNING.match(line))
    return tuple(dict.fromkeys(_WARNING.sub("", line)[:_WORDS_LIMIT] for line in warned))


def useful_words(stderr: Sequence[str]) -> str:
    """Return the one line of standard error a person needs."""
    lines = [line for line in stderr if not _NODE_FRAME.match(line)]
    for line in lines:
        if _COMPLAINT.search(line) and not _WARNING.match(line):
            return _without_json(line)[:_WORDS_LIMIT]
    return lines[-1][:_WORDS_LIMIT] if lines else "it said nothing"


def _failed(code: str, message: str, detail: Sequence[str], action: str) -> ToolFailed:
    error = ToolFailed(TOOL, message, detail="\n".join(detail)[-4000:], suggested_action=action)
    error.code = code
    return error


def _exit(exit_code: int | None) -> str:
    if exit_code is None:
        return "it closed its output"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def _without_json(words: str) -> str:
    """Put the message of a provider's JSON error, which pi passes on as it came, in its place."""
    start = words.find("{")
    try:
        document, length = json.JSONDecoder().raw_decode(words[start:] if start >= 0 else "")
    except (ValueError, RecursionError):
        return words
    error = document.get("error", document)
    message = error.get("message") if isinstance(error, dict) else error
    if not isinstance(message, str) or not message.strip():
        return words
    return f"{words[:start]}{message}{words[start + length :]}"


def _first_paragraph(words: str) -> str:
    return " ".join(words.split("\n\n", 1)[0].split())[:_WORDS_LIMIT]
