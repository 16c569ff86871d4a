"""The error tree and the exit codes; imports nothing of ours.

MillracerError                    .code .message .suggested_action; str() is one line for people
├── UsageError                    the command line is wrong
├── ConfigInvalid                 a configuration file cannot be read, or says what it must not
├── InvalidRequest                a request names something impossible, and which field
├── IdempotencyConflict           a known identity came back with another body
├── ModeConflict                  the running daemon works in another mode than was asked for
├── DaemonInUse                   the daemon to stop is another's, or somebody watches it
├── WorkspaceUnusable             the directory cannot serve as a Millrace workspace
├── WorkspaceUnresolved           no rule says which workspace a request means
├── StoreUnavailable              the session store cannot be read or written
├── ProcUnavailable               /proc does not show the processes here
├── SetupFailed                   a tool could not be installed, or not be removed
├── DecisionUnreadable            pi answered the decision turn twice without a decision
├── ToolError                     an outside program; .tool and its own words
│   ├── ToolNotFound                  not installed, or not on PATH
│   ├── ToolUnsupported               a version outside the supported range, or a broken install
│   ├── ToolFailed                    it said no
│   │   └── DaemonDied                    it ended while it booted and said nothing
│   ├── ToolTimeout                   it did not finish in its time; it was ended
│   └── ProtocolError                 it answered, but not by its contract; .raw
└── IllegalTransition             the machine was asked for an edge it does not have: our bug

An *outcome* (blocked, incomplete) is a result, not an error. Cancellation is control flow and lives
in `millracer.cancellation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RunWarning:
    """Something the caller should know that did not stop the run; prints as `code: text`."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


INTERNAL_ERROR = "internal_error"


class ExitCode(IntEnum):
    """What the process exit code tells the caller; `--help` and the README list the same."""

    COMPLETED = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    INCOMPLETE = 3
    BLOCKED = 4
    RESTART_NEEDED = 5
    CRASHED = 6
    TIMED_OUT = 7
    FAILED = 8
    INTERRUPTED = 130
    TERMINATED = 143


class MillracerError(Exception):
    """Something the caller can be told: a machine-readable code, one line, and the next step."""

    code: str = INTERNAL_ERROR

    def __init__(
        self, message: str, *, suggested_action: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if suggested_action is None and self.code == INTERNAL_ERROR:
            suggested_action = "report it: this is a fault of Millracer itself"
        self.suggested_action = suggested_action


class UsageError(MillracerError):
    """The command line does not say something we can do."""

    code = "usage"


class ConfigInvalid(MillracerError):
    """A configuration file cannot be read, or holds a key or a value that it must not."""

    code = "config_invalid"


class InvalidRequest(MillracerError):
    """A request's field cannot be used; `field` is its path in the request."""

    code = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        suggested_action: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, suggested_action=suggested_action, code=code)
        self.field = field


class IdempotencyConflict(MillracerError):
    """The same key or scoped item names a work item whose body was another."""

    code = "idempotency_conflict"


class ModeConflict(MillracerError):
    """A daemon already works here in another mode than the caller named."""

    code = "mode_conflict"


class DaemonInUse(MillracerError):
    """The daemon is somebody else's, or somebody watches it, and nobody said to end it anyway."""

    code = "daemon_in_use"


class WorkspaceUnusable(MillracerError):
    """The workspace cannot be used: missing, not writable, or its mode does not compile."""

    code = "workspace_unusable"


class WorkspaceUnresolved(MillracerError):
    """Nothing says which workspace is meant, or what says it names none that is known."""

    code = "workspace_unresolved"


class StoreUnavailable(MillracerError):
    """The session store cannot be read or written now; no run and no status depends on it."""

    code = "session_store_unavailable"


class ProcUnavailable(MillracerError):
    """`/proc` does not show the processes here, so nobody can say which of them live."""

    code = "proc_unavailable"


class SetupFailed(MillracerError):
    """`millracer setup` could not install a tool, or not remove it."""

    code = "setup_failed"


class DecisionUnreadable(MillracerError):
    """pi's decision could not be read, twice; a broken answer is never a decision."""

    code = "decision_unreadable"


class ToolError(MillracerError):
    """An outside program (`pi`, `millrace`) stood in the way.

    Attributes:
        tool: which program, `pi` or `millrace`.
        detail: its own words, as far as it said any.
    """

    suffix: ClassVar[str] = "failed"
    #: What to do next where nobody who raises it knows better; `{tool}` is the program's name.
    default_action: ClassVar[str | None] = None

    def __init__(
        self,
        tool: str,
        message: str,
        *,
        detail: str = "",
        suggested_action: str | None = None,
    ) -> None:
        if suggested_action is None and self.default_action is not None:
            suggested_action = self.default_action.format(tool=tool)
        super().__init__(message, suggested_action=suggested_action, code=f"{tool}_{self.suffix}")
        self.tool = tool
        self.detail = detail


class ToolNotFound(ToolError):
    """The program is not installed where we looked."""

    suffix = "not_found"
    default_action = "run `millracer setup`, or name the program with --{tool}-command"


class ToolUnsupported(ToolError):
    """The program's version or install is one we refuse to work with."""

    suffix = "unsupported"


class ToolFailed(ToolError):
    """The program ran and refused, or its answer was a failure."""


class DaemonDied(ToolFailed):
    """Millrace's daemon ended while it booted, without a word: it was killed, or crashed."""


class ToolTimeout(ToolError):
    """The program did not finish in its time; it was ended, what it did is unknown."""

    suffix = "timed_out"
    default_action = (
        "run the same command again; if {tool} does not end in time again, see what "
        "`millracer doctor` says of it"
    )


class ProtocolError(ToolError):
    """The program answered outside its contract; `raw` keeps what it said."""

    suffix = "protocol_error"
    default_action = (
        "see with `millracer doctor` whether this {tool} is of a tested version; if it is, report "
        "what it said"
    )

    def __init__(
        self, tool: str, message: str, *, raw: str = "", suggested_action: str | None = None
    ) -> None:
        super().__init__(tool, message, detail=raw[:2000], suggested_action=suggested_action)
        self.raw = raw


class IllegalTransition(MillracerError):
    """The lifecycle has no such edge, or its guard refused: a bug of ours."""
