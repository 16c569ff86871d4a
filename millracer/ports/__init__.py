"""What runs and operations need of the outside: agent, backend, store, clock. Domain types only.

Every call that can wait takes a `Wait`; it ends no later than the wait's deadline (plus a bounded
moment for ending what it started) and raises `Cancelled` when the caller asks to stop.
Errors are those of `millracer.errors`.
"""

from __future__ import annotations

from millracer.ports.agent import Agent, ModelLister
from millracer.ports.attempt_end import AttemptEnd, AttemptEndListener
from millracer.ports.backend import (
    OBSERVER_POLL_SECONDS,
    Backend,
    DaemonControl,
    Observer,
    StatusStamps,
    Supervisor,
    WatchLease,
)
from millracer.ports.certificates import (
    CertificateKeys,
    CertificateSigner,
    KeyInfo,
    OpenedEnvelope,
)
from millracer.ports.checks import CheckRunner
from millracer.ports.clock import Clock
from millracer.ports.directories import Directories
from millracer.ports.event_log import EventLogs, LogReader, LogWriter
from millracer.ports.events import EventListener, ProgressListener, TextListener, ToolCall
from millracer.ports.repository import Export, Repository, WorkTree
from millracer.ports.store import SessionStore

__all__ = [
    "OBSERVER_POLL_SECONDS",
    "Agent",
    "AttemptEnd",
    "AttemptEndListener",
    "Backend",
    "CertificateKeys",
    "CertificateSigner",
    "CheckRunner",
    "Clock",
    "DaemonControl",
    "Directories",
    "EventListener",
    "EventLogs",
    "Export",
    "KeyInfo",
    "LogReader",
    "LogWriter",
    "ModelLister",
    "Observer",
    "OpenedEnvelope",
    "ProgressListener",
    "Repository",
    "SessionStore",
    "StatusStamps",
    "Supervisor",
    "TextListener",
    "ToolCall",
    "WatchLease",
    "WorkTree",
]
