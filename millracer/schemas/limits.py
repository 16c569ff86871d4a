"""What is too much for one ops request; stands apart for who reads without knowing the rest."""

from __future__ import annotations

from typing import Final

#: A request of more bytes is refused.
REQUEST_LIMIT_BYTES: Final = 16 * 1024 * 1024
