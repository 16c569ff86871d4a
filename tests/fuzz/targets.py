"""What can be fuzzed: each parser's promise, what to begin with, and inputs that once broke it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.fuzz import millrace_output, ops_request, pi_frames
from tests.fuzz.seeds import millrace_outputs, ops_requests, pi_streams

_CORPUS = Path(__file__).with_name("corpus")

#: Each takes any bytes and returns, or raises where a promise is broken.
TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {
        "ops-request": ops_request.check,
        "pi-frames": pi_frames.check,
        "millrace-output": millrace_output.check,
    }
)
_SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = MappingProxyType(
    {
        "ops-request": ops_requests,
        "pi-frames": pi_streams,
        "millrace-output": millrace_outputs,
    }
)


def seeds(target: str) -> list[bytes]:
    """Return the recorded inputs, each once."""
    return list(dict.fromkeys(_SEEDS[target]()))


def corpus(target: str) -> dict[str, bytes]:
    """Return the inputs that broke this target once, by their names."""
    return {path.name: path.read_bytes() for path in sorted((_CORPUS / target).glob("*"))}
