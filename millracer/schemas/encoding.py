"""Bytes from callers as text: UTF-8, with or without a byte order mark."""

from __future__ import annotations

import json

_UTF8 = "utf-8"
_WRITE_UTF8 = "write it as UTF-8; PowerShell does so with `Out-File -Encoding utf8`, not with `>`"


class NotUtf8(ValueError):
    """Bytes in another encoding; the text says which one, or where they are wrong.

    Attributes:
        suggested_action: what to do about it.
    """

    def __init__(self, message: str, suggested_action: str) -> None:
        super().__init__(message)
        self.suggested_action = suggested_action


def read_utf8(raw: bytes) -> str:
    """Return the text without a byte order mark.

    Raises:
        NotUtf8: the bytes are in another encoding, or damaged.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse_others(raw)
        wrong = f"is not UTF-8: {error.reason} at byte {error.start}"
        raise NotUtf8(wrong, "encode it as UTF-8") from error


def read_document(raw: bytes) -> str:
    """Return the text of a JSON or TOML document, in which there is no NUL.

    Raises:
        NotUtf8: as `read_utf8`.
    """
    _refuse_others(raw)
    return read_utf8(raw)


def _refuse_others(raw: bytes) -> None:
    encoding = json.detect_encoding(raw[:4])
    if not encoding.startswith(_UTF8):
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        raise NotUtf8(f"is {name}, not UTF-8", _WRITE_UTF8)
