"""The promises themselves, held a few hundred times a test: `make fuzz` holds them a million times.

A broken one raises out of its `check`, which asserts it.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz import millrace_output
from tests.fuzz.hostile_bytes import PIECES, bend
from tests.fuzz.targets import TARGETS, corpus, seeds

_LONG = 50_000
_FOUND = [(target, name) for target in TARGETS for name in corpus(target)]

every_target = pytest.mark.parametrize("target", TARGETS)


@every_target
def test_what_was_recorded_keeps_its_promise(target: str) -> None:
    begin = seeds(target)

    assert begin
    for data in begin:
        TARGETS[target](data)


def test_every_parser_of_millraces_output_begins_with_what_it_reads() -> None:
    first_bytes = {data[0] for data in seeds("millrace-output")}

    assert first_bytes == set(range(len(millrace_output.PARSERS)))


@pytest.mark.parametrize(("target", "name"), _FOUND)
def test_what_broke_a_promise_once_breaks_none(target: str, name: str) -> None:
    TARGETS[target](corpus(target)[name])


@every_target
@given(data=st.binary(max_size=200))
@example(data=b"")
def test_any_bytes_keep_the_promise(target: str, data: bytes) -> None:
    TARGETS[target](data)


@every_target
@given(data=st.data(), random=st.randoms(use_true_random=False), times=st.integers(1, 3))
def test_what_was_recorded_and_bent_keeps_the_promise(
    target: str, data: st.DataObject, random: Random, times: int
) -> None:
    bent = data.draw(st.sampled_from(seeds(target)))
    for _ in range(times):
        bent = bend(bent, random)

    TARGETS[target](bent)


@pytest.mark.timeout(60)
@every_target
@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: repr(piece[:12]))
def test_a_piece_over_and_over_is_read_in_its_time(target: str, piece: bytes) -> None:
    many = piece * (_LONG // len(piece))

    for form in _forms(target):
        TARGETS[target](form + many + b"\n")
        TARGETS[target](form + b"# T\ndecision:" + many + b"\nwhy: " + many + b".")


def _forms(target: str) -> list[bytes]:
    return {
        "ops-request": [b""],
        "pi-frames": [b"\x01", b"\x04", b"\x08"],
        "millrace-output": [b"\x00", b"\x01", b"\x02", b"\x03"],
    }[target]
