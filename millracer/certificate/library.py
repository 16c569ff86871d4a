"""The library for signatures. Its import takes 0.2 s and needs the extra `certificate`."""

from __future__ import annotations

from importlib.util import find_spec

from millracer.errors import CertificateImpossible

_PACKAGES = ("securesystemslib", "cryptography")


def require_library() -> None:
    """Refuse to continue without the library.

    Raises:
        CertificateImpossible: a package is missing.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise CertificateImpossible(
            f"certificates need packages that are not installed: {', '.join(missing)}",
            code="extra_missing",
            suggested_action="install Millracer with the extra `certificate`, or "
            "`pip install 'securesystemslib[crypto]'` in its environment",
        )
