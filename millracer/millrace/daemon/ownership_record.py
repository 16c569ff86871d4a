"""Our own file that says which daemon is ours: `.millracer/daemon.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OwnershipRecord(BaseModel):
    """The daemon that a millracer command started in this workspace, and how it is recognised.

    Attributes:
        token: carried in the environment by the daemon and everything it starts.
        mode_id: the mode it was started in, aliases resolved.
        log: the file its output goes to.
        pid: the daemon's; None between the decision to start it and its start.
        started: when that process started, seconds since the epoch; with `pid` its identity.
        kept: somebody asked to keep it: it counts as someone else's from then on.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    token: str = Field(min_length=16)
    mode_id: str
    log: str
    pid: int | None = Field(default=None, gt=0)
    started: float | None = None
    kept: bool = False


class StoppedRecord(BaseModel):
    """`stopped.json`: the daemon that somebody stopped on purpose last."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pid: int
    started: float
