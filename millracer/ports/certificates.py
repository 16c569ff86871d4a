"""The ports of signing keys and signed certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from collections.abc import Sequence

    from millracer.domain.certificate.findings import Finding
    from millracer.domain.work.runtime import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """One key of the user.

    Attributes:
        key_id: identifies its public half; not a secret.
        name: the file's name without suffix.
        path: the absolute path of the file.
        is_signing: whether it is the user's signing key, with its private half; otherwise the
            user trusts what it signed.
    """

    key_id: str
    name: str
    path: str
    is_signing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEnvelope:
    """A signed envelope after the verification of its signature.

    Attributes:
        finding: whether a trusted key signed its content.
        payload: the signed bytes; None unless a trusted key signed them.
        payload_type: the signed type.
        key_id: the key that signed them.
    """

    finding: Finding
    payload: bytes | None = None
    payload_type: str = ""
    key_id: str | None = None


class CertificateSigner(Protocol):
    """Signs with one private key."""

    @property
    def key_id(self) -> str:
        """The id of its public half."""
        ...

    def sign(self, payload: bytes, payload_type: str) -> JsonObject:
        """Return the payload in a signed DSSE envelope."""
        ...


class CertificateKeys(Protocol):
    """The user's signing key and trusted keys."""

    def new(self) -> KeyInfo:
        """Create the user's signing key.

        Raises:
            KeyUnusable: there is one already, or it cannot be written.
            CertificateImpossible: the library for signatures is not installed.
        """
        ...

    def known(self) -> tuple[KeyInfo, ...]:
        """Return the signing key, if there is one, and the trusted keys by name.

        Raises:
            KeyUnusable: a file cannot be read.
            CertificateImpossible: the library for signatures is not installed.
        """
        ...

    def has_signing_key(self) -> bool:
        """Return whether the environment or the user has a signing key, usable or not."""
        ...

    def trust(self, path: str, name: str | None) -> KeyInfo:
        """Copy a public key to the trusted keys.

        Args:
            path: the file with the public key.
            name: its name there; None: the file's name without suffix.

        Raises:
            KeyUnusable: the file holds no usable public key, or the name is taken.
            CertificateImpossible: the library for signatures is not installed.
        """
        ...

    def signer(self, path: str | None, workspace: str) -> CertificateSigner:
        """Return the signer with a private key.

        Args:
            path: the file with the key; None: the environment's key, else the user's.
            workspace: the absolute path of the workspace, in which no key may be.

        Raises:
            KeyUnusable: there is no key, or it cannot be used.
            CertificateImpossible: the library for signatures is not installed.
        """
        ...

    def open(self, content: bytes, public: Sequence[str], workspace: str | None) -> OpenedEnvelope:
        """Verify the signature of an envelope before anything in it is read.

        Args:
            content: the envelope as JSON.
            public: files with the public keys to trust; empty: the user's trusted keys.
            workspace: the absolute path of the workspace, in which no such file may be; None if
                none is used.

        Raises:
            KeyUnusable: a public key cannot be read or is in the workspace, or no key is trusted.
            CertificateImpossible: the library for signatures is not installed.
        """
        ...
