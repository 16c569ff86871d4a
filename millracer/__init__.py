"""Millracer: one task in, one truthful result out, with Millrace doing the work.

The names below are the whole library, see docs/api.md. Each is loaded on first use, because every
command imports this package.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millracer.api import (
        Cancellation,
        CancelReason,
        Finalizer,
        IntakePreference,
        InvalidRequest,
        MillracerError,
        OpsRequest,
        OpsResult,
        OpsStatus,
        Outcome,
        PiSession,
        ProgressDocument,
        RoutePreference,
        RunOptions,
        RunResultDocument,
        UsageError,
        handle_request,
        run_task,
    )


__version__ = "0.4.0.dev0"
DOCUMENTATION_URL = "https://github.com/tim-osterhus/millracer/tree/main/docs"

__all__ = [
    "CancelReason",
    "Cancellation",
    "Finalizer",
    "IntakePreference",
    "InvalidRequest",
    "MillracerError",
    "OpsRequest",
    "OpsResult",
    "OpsStatus",
    "Outcome",
    "PiSession",
    "ProgressDocument",
    "RoutePreference",
    "RunOptions",
    "RunResultDocument",
    "UsageError",
    "__version__",
    "handle_request",
    "run_task",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the library's users pay for it

    value: object = getattr(import_module(f"{__name__}.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
