"""Certify the completed item of a host right after its run, with the lease of the run."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from millracer.cancellation import Cancellation
from millracer.domain.certificate.content import CertifiedLease
from millracer.domain.run.options import RunOptions
from millracer.domain.run.result import RunResult
from millracer.errors import MillracerError
from millracer.operations.certificates.make import certify
from millracer.operations.context import OperationContext
from millracer.operations.options import OptionLayers, values_of
from millracer.wiring import SystemClock
from millracer.wiring.tool_factory import ProgramFactory
from millracer.worker.result import ResultDocument, with_certificate, without_certificate

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run as a certificate needs it: with the results of its checks, and its options."""

    options: RunOptions
    result: RunResult


def add_certificate(  # noqa: PLR0913 - what a certificate is made of
    document: ResultDocument,
    ended: EndedRun,
    root: str,
    lease: CertifiedLease,
    programs: ProgramFactory,
    *,
    is_requested: bool,
) -> ResultDocument:
    """Return the document of a completed run with its signed certificate; never raises.

    The completed work is delivered in any case: what prevents a certificate becomes a warning.

    Args:
        document: the result of the run.
        ended: the same run.
        root: the checkout.
        lease: the lease of the run.
        programs: Millrace, git and the signing key.
        is_requested: also warn if the host has no signing key.
    """
    try:
        keys = programs.keys()
        if not is_requested and not keys.has_signing_key():
            return document
        signed = certify(
            lease.item,
            lambda: keys.signer(None, root),
            root,
            _context(ended.options, programs),
            checks=ended.result.checks,
            versions=ended.result.versions,
            lease=lease,
        )
    except MillracerError as error:
        return without_certificate(document, f"{error.message}; {error.suggested_action}")
    except Exception as error:  # noqa: BLE001 - the completed work is delivered
        _log.exception("the certificate of %s cannot be made", lease.item)
        return without_certificate(document, f"internal error: {type(error).__name__}: {error}")
    return with_certificate(document, signed.envelope)


def _context(options: RunOptions, programs: ProgramFactory) -> OperationContext:
    return OperationContext.without_workspace(
        tools=programs,
        options=OptionLayers(given=values_of(options)),
        clock=SystemClock(),
        cancellation=Cancellation(),  # a stop of the worker waits for it as for a delivery
        session_id="fleet",
    )
