"""Translate pi's failures into errors with a code, pi's own message and a next step.

Pure. Every error is a `ToolFailed`; `code` separates the cases that a caller handles differently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from millracer.errors import ToolFailed
from millracer.pi.frames import TOOL, ModelData
from millracer.pi.turn import EndKind, TurnEnd

_NO_CREDENTIALS = re.compile(
    r"no api key|no models available|authentication failed|not logged in"
    r"|no matching provider is authenticated",
    re.IGNORECASE,
)
_UNKNOWN_PROVIDER = re.compile(r"unknown provider", re.IGNORECASE)
#: Since 0.84 a name that is of no model, or of models of several providers, ends pi's start.
_UNKNOWN_MODEL = re.compile(r'^\W*(error:\s*)?model ".*" (not found\.|is ambiguous)', re.IGNORECASE)
_REFUSED_CREDENTIALS = re.compile(r"^\W*40[13]\b|unauthori[sz]ed|invalid api key", re.IGNORECASE)
_BROKEN_PROGRAM = re.compile(
    r"^(SyntaxError|ReferenceError): |ERR_MODULE_NOT_FOUND|Cannot find (module|package) "
)
#: pi's words for a model server that does not answer at all, by several libraries.
_UNREACHABLE = re.compile(
    r"^\W*(error:\s*)?(connection error|fetch failed|cannot connect|unable to connect)"
    r"|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(r"error|no models|unknown|fail|cannot", re.IGNORECASE)
_WARNING = re.compile(r"^warning:\s*", re.IGNORECASE)
_NODE_FRAME = re.compile(r"^(at |node:|Node\.js v|\^+$)")
_MESSAGE_LIMIT = 400

_LOGIN = (
    "use /login in pi (`millracer doctor` shows its command), or set the provider's API key in "
    "the environment, or choose another model with --provider and --model"
)
_NAME_MODEL = "choose a model that `millracer models` lists, with --provider and --model"
_NEWER_NODE = (
    "pi 0.74 and newer need Node 22.19 or newer: put it first on PATH; if it is there already,"
    " install pi again"
)
_READ_DETAIL = "read all that pi printed in `detail` of the error in the JSON output"

_TURN_ERRORS: dict[EndKind, tuple[str, str, str]] = {
    EndKind.EMPTY: (
        "pi_answer_empty",
        "the model ended its turn without an answer",
        "run the command again; if that does not help, choose another model with --model",
    ),
    EndKind.TRUNCATED: (
        "pi_answer_truncated",
        "the answer was cut off at the model's output limit",
        "split the request, or choose a model with a larger output limit",
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
        "an extension of pi handled the prompt; the model never received it",
        "disable the extension, or add --no-extensions to --pi-command",
    ),
}


def start_failure(exit_code: int | None, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that ended before its first answer."""
    words = error_line(stderr)
    if _UNKNOWN_PROVIDER.search(words):
        return _failed("pi_unknown_provider", f"pi did not start: {words}", stderr, _NAME_MODEL)
    if _NO_CREDENTIALS.search(words):
        return _failed("pi_no_credentials", f"pi did not start: {words}", stderr, _LOGIN)
    message = f"pi did not start ({_exit(exit_code)}): {words}"
    action = _READ_DETAIL
    if _BROKEN_PROGRAM.search(words):
        action = _NEWER_NODE
    elif _UNKNOWN_MODEL.search(words):
        action = _NAME_MODEL
    return _failed("pi_start_failed", message, stderr, action)


def start_timeout(seconds: float, stderr: Sequence[str], skipped: int) -> ToolFailed:
    """Return the error for a pi that runs and never answered after its start."""
    message = f"pi did not answer within {seconds:.0f} s of its start: {error_line(stderr)}"
    if skipped:
        message += f" ({skipped} lines of its output were not protocol messages)"
    return _failed("pi_start_failed", message, stderr, _READ_DETAIL)


def death(exit_code: int | None, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that ended in the middle of a turn."""
    message = f"pi ended in the middle of its turn ({_exit(exit_code)}): {error_line(stderr)}"
    action = "run the command again; pi's changes so far are kept"
    return _failed("pi_died", message, stderr, action)


def is_unreachable(words: str) -> bool:
    """Whether pi's words mean that the model's server does not answer at all."""
    return _UNREACHABLE.search(words) is not None


def _unreachable(words: str, detail: Sequence[str], model: ModelData | None) -> ToolFailed:
    server = "the model's server" if model is None else f"the server of provider {model.provider}"
    url = None if model is None or model.base_url is None else _bare_url(model.base_url)
    place = server if url is None else f"{server} at {url}"
    action = f"check that {url or server} is up and reachable from here, or choose another model"
    return _failed("pi_model_error", f"pi cannot reach {place}: {words}", detail, action)


def _bare_url(url: str) -> str:
    """Return a URL without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def print_failure(
    exit_code: int, stderr: Sequence[str], model: ModelData | None = None
) -> ToolFailed:
    """Return the error for a `pi --print` that failed.

    Exit code 1 means a failed start or a failed model; only standard error separates the two.

    Args:
        exit_code: of the process; negative for a signal.
        stderr: its lines.
        model: the model that pi used, if that is known.
    """
    words = error_line(stderr)
    if exit_code != 1:
        return death(exit_code, stderr)
    if _BROKEN_PROGRAM.search(words) or _UNKNOWN_MODEL.search(words):
        return start_failure(exit_code, stderr)
    if _UNKNOWN_PROVIDER.search(words):
        return _failed("pi_unknown_provider", f"pi did not start: {words}", stderr, _NAME_MODEL)
    if _NO_CREDENTIALS.search(words):
        return _failed("pi_no_credentials", f"pi: {words}", stderr, _LOGIN)
    if is_unreachable(words):
        return _unreachable(words, stderr, model)
    action = _LOGIN if _REFUSED_CREDENTIALS.search(words) else "run the command again later"
    return _failed("pi_failed", f"pi failed: {words}", stderr, action)


def silence(seconds: float, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that runs but no longer answers commands."""
    message = f"pi has not answered for {seconds:.0f} s and was ended: {error_line(stderr)}"
    return _failed("pi_silent", message, stderr, "run the command again")


def closed() -> ToolFailed:
    """Return the error for a prompt in a closed conversation."""
    return _failed("pi_closed", "the conversation with pi is closed", (), "run the command again")


def turn_failure(end: TurnEnd, model: ModelData | None = None) -> ToolFailed:
    """Return the error for a turn that ended without an answer.

    Args:
        end: how it ended.
        model: the model that pi used, if that is known.
    """
    words = end.words.strip()
    detail = (words,) if words else ()
    shown = _first_paragraph(_without_json(words)) or "it gave no reason"
    match end.kind:
        case EndKind.REJECTED if _NO_CREDENTIALS.search(words):
            return _failed("pi_no_credentials", f"pi: {shown}", detail, _LOGIN)
        case EndKind.REJECTED:
            message = f"pi refused the prompt: {shown}"
            return _failed("pi_prompt_rejected", message, detail, _READ_DETAIL)
        case EndKind.FAILED if is_unreachable(words):
            return _unreachable(shown, detail, model)
        case EndKind.FAILED:
            refused = _REFUSED_CREDENTIALS.search(words) or _NO_CREDENTIALS.search(words)
            action = _LOGIN if refused else "run the command again later, or choose another model"
            return _failed("pi_model_error", f"pi's model failed: {shown}", detail, action)
        case kind:
            code, message, action = _TURN_ERRORS[kind]
            return _failed(code, message, detail, action)


def refused(action: str, reason: str | None, stderr: Sequence[str]) -> ToolFailed:
    """Return the error for a pi that refused a command, such as `list its models`."""
    message = f"pi does not {action}: {reason or 'it gave no reason'}"
    return _failed("pi_refused", message, stderr, _READ_DETAIL)


def warning_texts(stderr: Sequence[str]) -> tuple[str, ...]:
    """Return pi's warnings, such as one about an unknown model, each once."""
    warnings = (line for line in stderr if _WARNING.match(line))
    return tuple(dict.fromkeys(_WARNING.sub("", line)[:_MESSAGE_LIMIT] for line in warnings))


def error_line(stderr: Sequence[str]) -> str:
    """Return the line of standard error that best describes the failure."""
    lines = [line for line in stderr if not _NODE_FRAME.match(line)]
    for line in lines:
        if _COMPLAINT.search(line) and not _WARNING.match(line):
            return _without_json(line)[:_MESSAGE_LIMIT]
    return lines[-1][:_MESSAGE_LIMIT] if lines else "it printed nothing to standard error"


def _failed(code: str, message: str, detail: Sequence[str], action: str) -> ToolFailed:
    error = ToolFailed(TOOL, message, detail="\n".join(detail)[-4000:], suggested_action=action)
    error.code = code
    return error


def _exit(exit_code: int | None) -> str:
    if exit_code is None:
        return "it closed its output"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def _without_json(words: str) -> str:
    """Replace a provider's JSON error, which pi passes through unchanged, by its message."""
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
    return " ".join(words.split("\n\n", 1)[0].split())[:_MESSAGE_LIMIT]
