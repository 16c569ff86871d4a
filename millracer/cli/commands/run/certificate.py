"""`run --certificate FILE`: certify the work right after its run, in the same process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult
from millracer.errors import MillracerError, RunWarning
from millracer.operations.certificates.make import certify, require_certifiable
from millracer.operations.context import OperationContext
from millracer.wiring.user_files import require_writable, write_file


def certifying(
    path: Path, root_path: str, context: OperationContext
) -> Callable[[RunResult], RunResult]:
    """Return a function that certifies a completed run, and returns its result with warnings.

    Args:
        path: the file for the certificate; an existing one is replaced.
        root_path: the workspace.
        context: the ports.

    Raises:
        CertificateImpossible: the workspace is not in a git repository, or a library is missing.
        KeyUnusable: there is no usable signing key.
        UsageError: the file cannot be written.
    """
    require_writable(path)
    signer = require_certifiable(root_path, context)

    def add(result: RunResult) -> RunResult:
        if result.outcome is not Outcome.COMPLETED:
            return result
        if result.work_item_id is None or not result.scoped_completion:
            why = "pi did the task directly, so that Millrace has no evidence of it"
            return _warned(result, f"{why}; use --route millrace")
        try:
            signed = certify(
                result.work_item_id,
                lambda: signer,
                root_path,
                context,
                checks=result.checks,
                versions=result.versions,
            )
            write_file(path, json.dumps(signed.envelope) + "\n")
        except MillracerError as error:
            return _warned(result, f"{error.message}; {error.suggested_action}")
        return result

    return add


def _warned(result: RunResult, text: str) -> RunResult:
    return replace(result, warnings=(*result.warnings, RunWarning("certificate_not_made", text)))
