"""Keys that sign nothing: an envelope with a fixed payload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from millracer.domain.certificate.findings import VerificationStep, unverified
from millracer.domain.work.runtime import JsonObject
from millracer.ports import CertificateKeys, CertificateSigner, KeyInfo, OpenedEnvelope


@dataclass(slots=True)
class ScriptedSigner(CertificateSigner):
    """Remembers what it signs.

    Attributes:
        payloads: the signed bytes, oldest first.
    """

    payloads: list[bytes] = field(default_factory=list)

    @property
    def key_id(self) -> str:
        return "scripted-key"

    def sign(self, payload: bytes, payload_type: str) -> JsonObject:
        self.payloads.append(payload)
        return {
            "payload": "e30=",
            "payloadType": payload_type,
            "signatures": [{"keyid": self.key_id, "sig": "c2ln"}],
        }


@dataclass(slots=True)
class ScriptedKeys(CertificateKeys):
    """One signing key, and no trusted one."""

    own: ScriptedSigner = field(default_factory=ScriptedSigner)

    def new(self) -> KeyInfo:
        return self.known()[0]

    def known(self) -> tuple[KeyInfo, ...]:
        key_id = self.own.key_id
        return (KeyInfo(key_id=key_id, name="signing", path="/keys/signing.pem", is_signing=True),)

    def trust(self, path: str, name: str | None) -> KeyInfo:
        return KeyInfo(key_id=path, name=name or path, path=path, is_signing=False)

    def signer(self, path: str | None, workspace: str) -> CertificateSigner:
        return self.own

    def open(self, content: bytes, public: Sequence[str], workspace: str | None) -> OpenedEnvelope:
        finding = unverified(VerificationStep.SIGNATURE, "untrusted_key", "no key is trusted")
        return OpenedEnvelope(finding=finding)
