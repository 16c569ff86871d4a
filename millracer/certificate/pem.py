"""Keys in PEM: create and read ed25519 keys, with the library for signatures."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, SSlibKey

from millracer.errors import KeyUnusable


def new_key() -> tuple[str, str]:
    """Return the private half of a new key, as PKCS8, and its public half."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode("ascii"), _write_public(key.public_key())


def read_signer(pem: bytes, source: str) -> CryptoSigner:
    """Return the signer with a private key.

    Args:
        pem: the key.
        source: names it in errors.

    Raises:
        KeyUnusable: it is not such a key.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _not_a_key(source, "private") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _not_a_key(source, "private")
    return CryptoSigner(key)


def read_public(pem: bytes, source: str) -> tuple[SSlibKey, str]:
    """Return a public key, as `read_signer` does, and its PEM without any other text."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _not_a_key(source, "public") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _not_a_key(source, "public")
    return SSlibKey.from_crypto(key), _write_public(key)


def _write_public(key: Ed25519PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode("ascii")


def _not_a_key(source: str, half: str) -> KeyUnusable:
    return KeyUnusable(
        f"{source} does not hold an ed25519 {half} key in PEM",
        suggested_action="make a key with `millracer keys new`; signing.pub is its public half",
    )
