"""The error tree and the exit codes; imports nothing from Millracer.

MillracerError                    .code .message .suggested_action; str() is one line for people
├── UsageError                    the command line is wrong
├── ConfigInvalid                 a configuration file is unreadable, or has a wrong key or value
├── InvalidRequest                a request's field cannot be used; .field
├── IdempotencyConflict           a known identity came back with another body
├── ModeConflict                  the running daemon works in another mode than the requested one
├── StageModelUnavailable         pi has no credentials for the model of a stage
├── StageModelConflict            a running daemon uses other models than the requested one
├── DaemonInUse                   the daemon to stop is foreign, or a command watches it
├── WorkspaceUnusable             the directory cannot be a Millrace workspace
├── WorkspaceUnresolved           no rule determines the workspace of a request
├── StoreUnavailable              the session store cannot be read or written
├── FleetError                    the fleet cannot be used
│   ├── FleetNotInstalled             the libraries of the extra `fleet` are missing
│   ├── FleetNotConfigured            no file says where the fleet's database is
│   ├── FleetUnreachable              the database does not answer, or cannot write
│   ├── FleetDenied                   the database role lacks the right
│   ├── FleetOutdated                 the schema of the database does not fit this Millracer
│   └── FleetSetupFailed              the database could not be made, started or stopped
├── ProcUnavailable               /proc does not show the processes here
├── CertificateImpossible         no certificate can be made or verified; each reason has a code
├── KeyUnusable                   a signing or public key is missing, or cannot be used
├── SetupFailed                   a program could not be installed or removed
├── DecisionUnreadable            pi answered the decision turn twice without a decision
├── ToolError                     an external program failed; .tool and .detail, its own text
│   ├── ToolNotFound                  not installed, or not on PATH
│   ├── ToolUnsupported               a version outside the supported range, or a broken install
│   ├── ToolFailed                    it refused, or reported a failure
│   │   └── DaemonDied                    it ended during boot without a message
│   ├── ToolTimeout                   it did not finish in time and was ended
│   └── ProtocolError                 its answer breaks its contract; .raw
└── IllegalTransition             the lifecycle has no such transition: a bug of Millracer

An *outcome* (blocked, incomplete) is a result, not an error. Cancellation is control flow and lives
in `millracer.cancellation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RunWarning:
    """A problem that did not stop the run; `str()` gives `code: text`."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


INTERNAL_ERROR = "internal_error"


class ExitCode(IntEnum):
    """The process exit codes; `--help` and the README list the same ones."""

    COMPLETED = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    INCOMPLETE = 3
    BLOCKED = 4
    RESTART_NEEDED = 5
    CRASHED = 6
    TIMED_OUT = 7
    FAILED = 8
    BUDGET_EXHAUSTED = 9
    INTERRUPTED = 130
    TERMINATED = 143


class MillracerError(Exception):
    """A failure with a machine-readable code, a one-line message and the next step."""

    code: str = INTERNAL_ERROR

    def __init__(
        self, message: str, *, suggested_action: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if suggested_action is None and self.code == INTERNAL_ERROR:
            suggested_action = "report it: this is a bug in Millracer"
        self.suggested_action = suggested_action


class UsageError(MillracerError):
    """The command line cannot be carried out."""

    code = "usage"


class ConfigInvalid(MillracerError):
    """A configuration file cannot be read, or has a forbidden key or value."""

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


class StateConflict(InvalidRequest):
    """What a request names is not in a state that allows the command."""

    code = "state_conflict"


class IdempotencyConflict(MillracerError):
    """The key or scoped item already identifies a work item with another body."""

    code = "idempotency_conflict"


class ModeConflict(MillracerError):
    """A daemon already works in this workspace, in another mode than the caller named."""

    code = "mode_conflict"


class StageModelUnavailable(MillracerError):
    """A stage would use a model that pi has no credentials for, or cannot resolve."""

    code = "stage_model_unavailable"


class StageModelConflict(MillracerError):
    """The models of the stages must change, and a running daemon uses them."""

    code = "stage_model_conflict"


class DaemonInUse(MillracerError):
    """The daemon is foreign or a command watches it, and the caller did not force its end."""

    code = "daemon_in_use"


class WorkspaceUnusable(MillracerError):
    """The workspace cannot be used: missing, not writable, or its mode does not compile."""

    code = "workspace_unusable"


class WorkspaceUnresolved(MillracerError):
    """No rule determines the workspace, or the rule that does names an unknown one."""

    code = "workspace_unresolved"


class StoreUnavailable(MillracerError):
    """The session store cannot be read or written; runs and statuses do not depend on it."""

    code = "session_store_unavailable"


class FleetError(MillracerError):
    """The fleet cannot be used; the subclasses say why."""

    code = "fleet_failed"


class FleetNotInstalled(FleetError):
    """The libraries of the extra `fleet` are not installed."""

    code = "fleet_not_installed"


class FleetNotConfigured(FleetError):
    """No file says where the fleet's database is, or the file is invalid."""

    code = "fleet_not_configured"


class FleetUnreachable(FleetError):
    """The database does not answer or cannot write; the same call is safe to repeat."""

    code = "fleet_unreachable"


class FleetDenied(FleetError):
    """The database role lacks the right to do this."""

    code = "fleet_denied"


class FleetOutdated(FleetError):
    """The schema of the database is missing, or older or newer than this Millracer needs."""

    code = "fleet_outdated"


class FleetSetupFailed(FleetError):
    """The database could not be made, started or stopped."""

    code = "fleet_setup_failed"


class ProcUnavailable(MillracerError):
    """`/proc` does not show the processes here, so it is unknown which of them live."""

    code = "proc_unavailable"


class CertificateImpossible(MillracerError):
    """No certificate can be made of the work, or a library for it is missing."""

    code = "not_certifiable"


class KeyUnusable(MillracerError):
    """A signing key or a public key is missing or cannot be used."""

    code = "key_unusable"


class SetupFailed(MillracerError):
    """`millracer setup` could not install or remove a program."""

    code = "setup_failed"


class DecisionUnreadable(MillracerError):
    """pi answered twice without a readable decision; a broken answer is never a decision."""

    code = "decision_unreadable"


class ToolError(MillracerError):
    """An external program failed, refused or cannot be used.

    Attributes:
        tool: the program, `pi` or `millrace`.
        detail: its own text; empty if it printed nothing.
    """

    suffix: ClassVar[str] = "failed"
    #: The next step where the code that raises it gives none; `{tool}` is the program's name.
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
    """The program was not found where Millracer searches for it."""

    suffix = "not_found"
    default_action = "run `millracer setup`, or name the program with --{tool}-command"


class ToolUnsupported(ToolError):
    """Millracer refuses the program: its version is unsupported or its install is broken."""

    suffix = "unsupported"


class ToolFailed(ToolError):
    """The program ran, and refused or reported a failure."""


class ChangesUnknown(MillracerError):
    """It is not known which files changed during the work on an item."""

    code = "changes_unknown"


class DaemonDied(ToolFailed):
    """Millrace's daemon ended during boot without a message: it was killed, or crashed."""


class ToolTimeout(ToolError):
    """The program did not finish in time and was ended; its effect is unknown."""

    suffix = "timed_out"
    default_action = (
        "run the same command again; if {tool} does not end in time again, run `millracer doctor`"
    )


class ProtocolError(ToolError):
    """The program's answer breaks its contract; `raw` keeps the answer."""

    suffix = "protocol_error"
    default_action = (
        "check with `millracer doctor` that this {tool} has a tested version; if it has, report "
        "its answer"
    )

    def __init__(
        self, tool: str, message: str, *, raw: str = "", suggested_action: str | None = None
    ) -> None:
        super().__init__(tool, message, detail=raw[:2000], suggested_action=suggested_action)
        self.raw = raw


class IllegalTransition(MillracerError):
    """The lifecycle has no such transition, or its guard refused: a bug of Millracer."""
