"""The ownership record of the daemon, `.millracer/daemon.json`, and the record of its stop."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OwnershipRecord(BaseModel):
    """The daemon that a Millracer command started in this workspace, and how to recognise it.

    Attributes:
        token: carried in the environment by the daemon and everything it starts.
        mode_id: the mode it was started in, with aliases resolved.
        log: the file with its output.
        pid: the daemon's pid; None between the decision to start it and its start.
        started: the start time of that process in epoch seconds; with `pid` its identity.
        kept: whether a user asked to keep it; then it counts as foreign.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    token: str = Field(min_length=16)
    mode_id: str
    log: str
    pid: int | None = Field(default=None, gt=0)
    started: float | None = None
    kept: bool = False


class StoppedRecord(BaseModel):
    """`stopped.json`: the daemon that was last stopped on purpose."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pid: int
    started: float
