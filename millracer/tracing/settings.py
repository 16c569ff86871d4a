"""Whether traces are wanted, and what is missing for them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from millracer.errors import RunWarning

WARNING_CODE = "trace_not_exported"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED = "OTEL_SDK_DISABLED"
_EXPORTER = "OTEL_TRACES_EXPORTER"
#: What the extra `otel` adds. PyPI's `millracer` is another program, so it is not named there.
_PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Return whether the environment names a collector and does not turn traces off."""
    if environment.get(_DISABLED, "").strip().lower() == "true":
        return False
    if environment.get(_EXPORTER, "").strip().lower() == "none":
        return False
    return any(environment.get(name, "").strip() for name in _ENDPOINTS)


def missing_packages() -> RunWarning:
    """Return the warning that OpenTelemetry is not installed, with the command that adds it."""
    has_pip = find_spec("pip") is not None  # uv creates environments without it
    installer = (sys.executable, "-m", "pip") if has_pip else ("uv", "pip")
    where = () if has_pip else ("--python", sys.executable)
    command = (*installer, "install", *where, *_PACKAGES)
    return RunWarning(
        WARNING_CODE,
        f"OpenTelemetry is not installed beside Millracer; `{shlex.join(command)}` adds it",
    )
