"""The environment of programs that play scenarios outside of pytest."""

from __future__ import annotations

import os

SCRUBBED_PREFIXES = ("MILLRACER_", "PI_", "XDG_")
KEPT_PREFIX = "MILLRACER_TEST_"
TERMINAL_SIZE_VARIABLES = frozenset({"COLUMNS", "LINES"})
PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


def is_scrubbed(name: str) -> bool:
    """Whether a variable is a caller's setting that no test shall depend on."""
    scrubbed = name.startswith(SCRUBBED_PREFIXES) and not name.startswith(KEPT_PREFIX)
    return scrubbed or name in TERMINAL_SIZE_VARIABLES or name.lower() in PROXY_VARIABLES


def scrub(home: str) -> None:
    """Take the caller's settings out of this process's environment and give it a home."""
    for name in list(os.environ):
        if is_scrubbed(name):
            del os.environ[name]
    os.environ["HOME"] = home
