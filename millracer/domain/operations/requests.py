"""The requests of the operations, as their handlers read them.

A row of the table names its request, so that only the request in use is imported.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Report the daemon, the queue and what blocks it."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """List the items of a workspace.

    Attributes:
        states: only items in these states; all where it is empty.
        all_workspaces: also the items of every registered workspace.
    """

    states: tuple[str, ...] = ()
    all_workspaces: bool = False


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """List the attempts at the items of a workspace.

    Attributes:
        all_workspaces: also the attempts in every registered workspace.
        work_item_id: only attempts at the item with this id; None for all.
    """

    all_workspaces: bool = False
    work_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShowRequest:
    """Show one item whole.

    Attributes:
        work_item_id: the item's id, the id of its request, or a unique beginning of its id.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """Show what the agents of an item's stages said and did.

    Attributes:
        work_item_id: as for `ShowRequest`.
        stage: only stages of this name; None for all.
        raw: also the recorded files' texts.
    """

    work_item_id: str
    stage: str | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """Show Millrace's evidence about an item.

    Attributes:
        work_item_id: as for `ShowRequest`.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Put a blocked item back into the queue.

    Attributes:
        work_item_id: as for `ShowRequest`.
        reason: Millrace keeps it; None for the default.
    """

    work_item_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """Show the changes during the work on one item.

    Attributes:
        work_item_id: the item's id, or the id of its request.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Take one item out of the queue.

    Attributes:
        work_item_id: the item's id, or the id of its request.
        reason: Millrace keeps it; None for the default.
    """

    work_item_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """Start no new stage."""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """End the pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsRequest:
    """Report the models of pi and of the stages, after changes to those of the stages.

    Attributes:
        choices: texts `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an alias for all of them.
        follow_pi: give all aliases the model that pi selects.
        check_models: refuse a model that pi has no credentials for.
        compiles: compile the mode first, which writes Millrace's plan in the workspace; otherwise
            the stages are those of the mode that was compiled last.
    """

    choices: tuple[str, ...] = ()
    follow_pi: bool = False
    check_models: bool = True
    compiles: bool = True


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Start a daemon that works the queue until it is stopped."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Stop the daemon.

    Attributes:
        force: also a foreign daemon, or one that another command watches.
    """

    force: bool = False


@dataclass(frozen=True, slots=True)
class ListRunsRequest:
    """List Millrace's runs in a workspace.

    Attributes:
        work_item_id: only runs with a stage for this item, named as for `ShowRequest`; None for
            all.
    """

    work_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShowRunRequest:
    """Show one run of Millrace whole.

    Attributes:
        run_id: Millrace's id of the run.
    """

    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseRequest:
    """Check whether a run would work.

    Attributes:
        with_turn: also send pi one short prompt, which calls its model.
    """

    with_turn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifyRequest:
    """Certify one completed item.

    Attributes:
        work_item_id: the item's id, the id of its request, or a unique beginning of its id.
        key: the file with the signing key; None: the environment's key, else the user's.
    """

    work_item_id: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """Verify a certificate.

    Attributes:
        content: the certificate's file.
        keys: files with public keys to trust; empty: the user's trusted keys.
        commit: the commit that must have the certified tree; None: no commit is compared.
        with_evidence: compare the evidence in the workspace as well.
        required_checks: the checks that the certificate must prove.
        rerun: run the checks again on the files of the commit.
        with_lease: compare the lease with the database of the caller's fleet.
    """

    content: bytes
    keys: tuple[str, ...] = ()
    commit: str | None = None
    with_evidence: bool = False
    required_checks: tuple[tuple[str, ...], ...] = ()
    rerun: bool = False
    with_lease: bool = False
