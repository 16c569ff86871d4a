"""What `millracer doctor` finds: checks, their levels, and what it sees of pi and of the stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CheckName(StrEnum):
    """Every check, in the order they are made."""

    PYTHON = "python"
    PROC = "proc"
    SQLITE = "sqlite"
    STATE_FOLDER = "state_folder"
    SESSION_STORE = "session_store"
    WORKSPACE = "workspace"
    CONFIGURATION = "configuration"
    MILLRACE = "millrace"
    MILLRACE_START = "millrace_start"
    PI = "pi"
    NODE = "node"
    PI_START = "pi_start"
    PI_MODEL = "pi_model"
    INITIALISED = "initialised"
    MODE = "mode"
    DAEMON = "daemon"
    STALE_STATE = "stale_state"
    BLOCKED_ITEMS = "blocked_items"
    STAGE_MODEL = "stage_model"
    PI_TURN = "pi_turn"


class CheckLevel(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"  #: worth knowing; the commands work
    FAIL = "fail"  #: something a run needs does not work
    SKIPPED = "skipped"  #: not checked, for what it needs failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check saw.

    Attributes:
        next_command: what to do about it, a command as it is typed wherever one helps.
        detail: more of it, a program's own words as a rule.
    """

    level: CheckLevel = CheckLevel.OK
    message: str
    next_command: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A finding and which check it is of."""

    name: CheckName
    finding: Finding


def is_healthy(checks: Iterable[Check]) -> bool:
    """Whether nothing failed; a warning is no failure."""
    return all(check.finding.level is not CheckLevel.FAIL for check in checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiModel:
    """A model as pi names it."""

    provider: str
    model_id: str

    def __str__(self) -> str:
        """Return it as `--model` takes it."""
        return f"{self.provider}/{self.model_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PiModels:
    """What a started pi says of models.

    Attributes:
        selected: the one its prompts would go to, None where it has none.
        providers: those it has credentials for, each once.
        count: how many models those have.
    """

    selected: PiModel | None
    providers: tuple[str, ...]
    count: int

    @property
    def is_usable(self) -> bool:
        """Whether there are credentials for the selected model's provider."""
        return self.selected is not None and self.selected.provider in self.providers


@dataclass(frozen=True, slots=True, kw_only=True)
class StageModel:
    """One model that stages of a mode work with, as the mode was compiled.

    Attributes:
        runner: Millrace's name of what runs the stage.
        model: as the runner gets it, None where it chooses itself.
        alias: Millrace's name for the model, None without one.
        thinking: how much it is asked to think, None where nothing is said.
        stages: which stages.
    """

    runner: str
    model: str | None
    alias: str | None
    stages: tuple[str, ...]
    thinking: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLook:
    """A folder that need not exist, and what may be done with it.

    Attributes:
        path: None where there is no place for it.
        writable: it, or where it does not exist the folder it would be made in.
        shared: whether somebody else may write there.
    """

    path: str | None
    exists: bool = False
    is_folder: bool = True
    writable: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLook:
    """What the session store holds.

    Attributes:
        corrupt: why it is no session store, None where it is one.
    """

    exists: bool
    sessions: int = 0
    workspaces: int = 0
    corrupt: str | None = None
