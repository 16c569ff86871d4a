"""Size limits of one ops request; a module of its own so that readers need not load the models."""

from __future__ import annotations

from typing import Final

#: A request of more bytes is refused.
REQUEST_LIMIT_BYTES: Final = 16 * 1024 * 1024
