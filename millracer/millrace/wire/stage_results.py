"""The meaning of Millrace's stage results, in the gateway's terms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from millracer.domain.run.evidence import StageProof

RECON = "recon"
RECON_TO_EXECUTION = "RECON_TO_EXECUTION"
RECON_TO_PLANNING = "RECON_TO_PLANNING"
#: The status of a run that ended properly.
RUN_COMPLETE = "complete"
RUN_ACTIVE = "active"

_ARBITER = "arbiter"
_CLOSURE_REQUEST = "closure_target"
#: What the result of a stage proves.
PROOFS: Mapping[tuple[str, str], StageProof] = {
    ("updater", "UPDATE_COMPLETE"): StageProof.WORK_RECORDED,
    (_ARBITER, "ARBITER_COMPLETE"): StageProof.SPEC_CLOSED,
    (RECON, "RECON_NOOP"): StageProof.NOTHING_TO_DO,
    (RECON, RECON_TO_EXECUTION): StageProof.LEADS_TO_TASK,
    (RECON, RECON_TO_PLANNING): StageProof.LEADS_TO_SPEC,
}
#: How messages name the result behind each proof.
RESULT_NAMES: Mapping[StageProof, str] = MappingProxyType(
    {proof: f"{stage} ended {result}" for (stage, result), proof in PROOFS.items()}
)
#: A daemon killed right after a stage's result leaves the run active for ever. The result is valid,
#: and its effect (the item done, the target closed) is required as well.
_VALID_RUNS = frozenset({RUN_COMPLETE, RUN_ACTIVE})
_MILESTONES = frozenset({"UPDATE_COMPLETE", "MANAGER_COMPLETE", "REMEDIATION_NEEDED"})
_RECON_PREFIX = "RECON_"


def proof_of(
    stage: str | None, terminal_result: str | None, request_kind: str | None
) -> StageProof | None:
    """Return what the end of a stage proves, None if nothing.

    The Arbiter's result counts only in a run for a closure target.
    """
    if stage == _ARBITER and request_kind != _CLOSURE_REQUEST:
        return None
    return PROOFS.get((stage or "", terminal_result or ""))


def is_valid(run_status: str | None) -> bool:
    """Return whether the results of a run with this status count."""
    return run_status in _VALID_RUNS


def is_milestone(terminal_result: str | None) -> bool:
    """Return whether a stage that ended so settled something about its item."""
    result = terminal_result or ""
    return result in _MILESTONES or result.startswith(_RECON_PREFIX)
