"""The user's keys as files: one signing key, and a folder of trusted public keys.

The signing key is PKCS8 with mode 0600 in the user's configuration folder. A key is never read from
a workspace or from a certificate.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.certificate.library import require_library
from millracer.domain.certificate.names import SIGNING_KEY_VARIABLE
from millracer.errors import KeyUnusable, MillracerError
from millracer.ports.certificates import (
    CertificateKeys,
    CertificateSigner,
    KeyInfo,
    OpenedEnvelope,
)
from millracer.system.config_files import CONFIG_VARIABLE
from millracer.system.files import open_regular, write_atomically
from millracer.system.user_folders import config_folder, make_private_folder

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PRIVATE, _PUBLIC = "signing.pem", "signing.pub"
_SUFFIX = ".pub"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
#: A PEM file of an ed25519 key has about 120 bytes.
_LONGEST_KEY = 16 * 1024
_MAKE = "make a key with `millracer keys new`, or name a file with --key"
_TRUST = "name the public key with --key, or trust it with `millracer keys trust FILE`"


class FileKeys(CertificateKeys):
    """The keys below the user's configuration folder.

    Args:
        environment: names the folder, and may hold the signing key.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def new(self) -> KeyInfo:
        """Create the user's signing key; see the port."""
        require_library()
        from millracer.certificate import pem  # noqa: PLC0415 - heavy, and an extra

        folder = self._folder()
        private, public = folder / _PRIVATE, folder / _PUBLIC
        if private.exists():
            raise KeyUnusable(
                f"there is a signing key already: {private}",
                suggested_action="use it; to replace it, move it away first",
            )
        secret, shared = pem.new_key()
        try:
            make_private_folder(folder)
            write_atomically(private, secret)
            write_atomically(public, shared)
        except (OSError, MillracerError) as error:
            raise _unwritable(folder, error) from error
        return KeyInfo(
            key_id=_read_public(public).keyid,
            name=private.stem,
            path=str(private),
            is_signing=True,
        )

    def known(self) -> tuple[KeyInfo, ...]:
        """Return the user's keys; see the port."""
        require_library()
        from millracer.certificate import pem  # noqa: PLC0415 - heavy, and an extra

        folder = self._folder()
        found = []
        private = folder / _PRIVATE
        if private.exists():
            signer = pem.read_signer(_read_private(private), str(private))
            found.append(
                KeyInfo(
                    key_id=str(signer.public_key.keyid),
                    name=private.stem,
                    path=str(private),
                    is_signing=True,
                )
            )
        found += [
            KeyInfo(
                key_id=_read_public(path).keyid, name=path.stem, path=str(path), is_signing=False
            )
            for path in self._trusted()
        ]
        return tuple(found)

    def has_signing_key(self) -> bool:
        """Return whether the environment or the user has a signing key; see the port."""
        if self._environment.get(SIGNING_KEY_VARIABLE, "").strip():
            return True
        folder = config_folder(self._environment, CONFIG_VARIABLE)
        return folder is not None and (folder / "keys" / _PRIVATE).exists()

    def trust(self, path: str, name: str | None) -> KeyInfo:
        """Copy a public key to the trusted keys; see the port."""
        require_library()
        source = Path(path)
        key, text = _read_pem(source)
        chosen = source.stem if name is None else name
        if not _NAME.fullmatch(chosen):
            raise KeyUnusable(
                f"{chosen!r} cannot be the name of a key",
                suggested_action="pass --name with letters, digits, `.`, `_` and `-`",
            )
        folder = self._folder().parent / "trusted_keys"
        target = folder / f"{chosen}{_SUFFIX}"
        if target.exists() and _read_public(target).keyid != key.keyid:
            raise KeyUnusable(
                f"another key is trusted as {chosen}: {target}",
                suggested_action="pass another --name, or remove that file",
            )
        try:
            make_private_folder(folder)
            write_atomically(target, text)
        except (OSError, MillracerError) as error:
            raise _unwritable(folder, error) from error
        return KeyInfo(key_id=key.keyid, name=chosen, path=str(target), is_signing=False)

    def signer(self, path: str | None, workspace: str) -> CertificateSigner:
        """Return the signer with a private key; see the port."""
        require_library()
        from millracer.certificate import pem  # noqa: PLC0415 - heavy, and an extra
        from millracer.certificate.envelope import DsseSigner  # noqa: PLC0415 - heavy, and an extra

        given = self._environment.get(SIGNING_KEY_VARIABLE, "")
        if path is None and given.strip():
            return DsseSigner(pem.read_signer(given.encode(), f"${SIGNING_KEY_VARIABLE}"))
        private = self._folder() / _PRIVATE if path is None else Path(path)
        if not private.exists():
            raise KeyUnusable(f"there is no signing key: {private}", suggested_action=_MAKE)
        if _is_inside(private, workspace):
            raise KeyUnusable(
                f"the signing key is in the workspace: {private}",
                suggested_action="move it out of the workspace, where every agent reads it",
            )
        return DsseSigner(pem.read_signer(_read_private(private), str(private)))

    def open(self, content: bytes, public: Sequence[str], workspace: str | None) -> OpenedEnvelope:
        """Verify the signature of an envelope; see the port."""
        require_library()
        from millracer.certificate.envelope import open_envelope  # noqa: PLC0415 - heavy, and an extra

        for path in public:
            if workspace is not None and _is_inside(Path(path), workspace):
                raise KeyUnusable(
                    f"the key to trust is in the workspace: {path}",
                    suggested_action="name a file outside of it: a commit under test could bring "
                    "its own key",
                )
        keys = [_read_public(Path(path)) for path in public or map(str, self._trusted())]
        if not keys:
            raise KeyUnusable("no key is trusted", suggested_action=_TRUST)
        return open_envelope(content, keys)

    def _folder(self) -> Path:
        folder = config_folder(self._environment, CONFIG_VARIABLE)
        if folder is None:
            raise KeyUnusable(
                "the user has no home directory for keys",
                suggested_action=f"set {CONFIG_VARIABLE} to a folder, or name a file with --key",
            )
        return folder / "keys"

    def _trusted(self) -> list[Path]:
        return sorted((self._folder().parent / "trusted_keys").glob(f"*{_SUFFIX}"))


def _read_private(path: Path) -> bytes:
    """Return the content of a file with a private key.

    Raises:
        KeyUnusable: it cannot be read, or others can read it.
    """
    content, mode = _read(path)
    if mode & _OTHERS:
        raise KeyUnusable(
            f"others can read the signing key: {path} has mode {stat.S_IMODE(mode):04o}",
            suggested_action=f"run `chmod 600 {path}`, or make another key",
        )
    return content


def _is_inside(path: Path, workspace: str) -> bool:
    return path.resolve().is_relative_to(Path(workspace).resolve())


def _read(path: Path) -> tuple[bytes, int]:
    """Return the content of a file with a key, and the mode of this very file."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            return file.read(_LONGEST_KEY), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise KeyUnusable(
            f"the key cannot be read: {path}: {error.strerror}",
            suggested_action="name a file with a key that you can read",
        ) from error


def _read_public(path: Path) -> SSlibKey:
    return _read_pem(path)[0]


def _read_pem(path: Path) -> tuple[SSlibKey, str]:
    from millracer.certificate import pem  # noqa: PLC0415 - heavy, and an extra

    return pem.read_public(_read(path)[0], str(path))


def _unwritable(folder: Path, error: Exception) -> KeyUnusable:
    return KeyUnusable(
        f"the key cannot be written to {folder}: {error}",
        suggested_action=f"make {folder} writable, or set {CONFIG_VARIABLE} to another folder",
    )
