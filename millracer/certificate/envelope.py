"""Sign payloads in DSSE envelopes, and verify the signatures of envelopes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key

from millracer.domain.certificate.findings import VerificationStep, contradicted, passed, unverified
from millracer.domain.work.runtime import JsonObject
from millracer.ports.certificates import CertificateSigner, OpenedEnvelope


@dataclass(frozen=True, slots=True)
class DsseSigner(CertificateSigner):
    """Signs with one private key; the key is never printed."""

    _signer: CryptoSigner

    @property
    def key_id(self) -> str:
        """The id of its public half."""
        return str(self._signer.public_key.keyid)

    def sign(self, payload: bytes, payload_type: str) -> JsonObject:
        """Return the payload in a signed envelope; see the port."""
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._signer)
        signed: JsonObject = envelope.to_dict()
        return signed


def open_envelope(content: bytes, keys: Sequence[Key]) -> OpenedEnvelope:
    """Verify the signature of an envelope; nothing in an envelope names a trusted key."""
    try:
        envelope = Envelope.from_dict(_parse(content))
        envelope.pae()  # a type that is not a Unicode text has no encoding to sign
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = "the file is not a signed certificate"
        return OpenedEnvelope(
            finding=unverified(VerificationStep.SIGNATURE, "not_a_certificate", text)
        )
    if not envelope.signatures:
        text = "the certificate has no signature"
        return OpenedEnvelope(finding=unverified(VerificationStep.SIGNATURE, "unsigned", text))
    try:
        accepted = envelope.verify(list(keys), 1)
    except VerificationError:
        return OpenedEnvelope(finding=_refuse(envelope, keys))
    key_id = next(iter(accepted))
    return OpenedEnvelope(
        finding=passed(VerificationStep.SIGNATURE, f"the trusted key {key_id[:16]} signed it"),
        payload=envelope.payload,
        payload_type=envelope.payload_type,
        key_id=key_id,
    )


def _refuse(envelope: Envelope, keys: Sequence[Key]) -> Any:
    """Return the finding for an envelope without a valid signature of a trusted key."""
    if {key.keyid for key in keys} & set(envelope.signatures):
        return contradicted(
            VerificationStep.SIGNATURE,
            "signature_invalid",
            "the certificate was changed after a trusted key signed it",
        )
    return unverified(
        VerificationStep.SIGNATURE, "untrusted_key", "no trusted key signed the certificate"
    )


def _parse(content: bytes) -> dict[str, Any]:
    """Parse the envelope's JSON; a key that occurs twice has no meaning.

    Raises:
        ValueError, RecursionError: the content is not such JSON.
    """
    parsed = json.loads(content.decode("utf-8"), object_pairs_hook=without_duplicates)
    if not isinstance(parsed, dict):
        raise TypeError("an envelope is an object")
    return parsed


def without_duplicates(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return the members of an object.

    Raises:
        ValueError: a key occurs twice: readers differ about which one counts.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice")
    return members
