"""`make fuzz`: looks for inputs that break a parser's promise, guided by what of it they reach.

Each target runs in a process of its own, because the engine ends the one it runs in. What it finds
is in the folder it names; put a found input into `tests/fuzz/corpus/TARGET` once it is fixed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["millracer"]):
    from tests.fuzz.targets import TARGETS, corpus, seeds

from tests.fuzz.hostile_bytes import PIECES, bend

_LONGEST_INPUT = 4096
_SLOWEST_SECONDS = 10
_MOST_MEMORY_MB = 2048
_SHORTEST_WORD, _LONGEST_WORD = 2, 40


def main() -> int:
    """Run one target, or all, one after another."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, help="one of them; all by default")
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of each target")
    parser.add_argument("--seconds", type=int, default=0, help="stop each after so long; 0: never")
    parser.add_argument("--seed", type=int, default=1, help="of the engine's random numbers")
    parser.add_argument("--found", type=Path, required=True, help="where what it finds is kept")
    arguments = parser.parse_args()
    if arguments.target is not None:
        _fuzz(arguments)
    failed = 0
    for target in TARGETS:
        sys.stderr.write(f"== {target}\n")
        again = [sys.executable, "-m", "tests.fuzz", *sys.argv[1:], "--target", target]
        failed += subprocess.run(again, check=False).returncode != 0
    return 1 if failed else 0


def _fuzz(arguments: argparse.Namespace) -> None:
    check = TARGETS[arguments.target]
    found = arguments.found / arguments.target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        started = Path(scratch, "corpus")
        started.mkdir()
        begin = [*seeds(arguments.target), *corpus(arguments.target).values()]
        for number, seed in enumerate(begin):
            (started / f"{number:04}").write_bytes(seed)
        words = Path(scratch, "words")
        words.write_text(_dictionary(begin), encoding="ascii")
        engine = [
            *(sys.argv[0], f"-runs={arguments.runs}", f"-max_total_time={arguments.seconds}"),
            *(f"-seed={arguments.seed}", f"-dict={words}", f"-max_len={_LONGEST_INPUT}"),
            *(f"-timeout={_SLOWEST_SECONDS}", f"-rss_limit_mb={_MOST_MEMORY_MB}"),
            *(f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=1", str(started)),
        ]
        atheris.Setup(engine, check, custom_mutator=_mutate)
        atheris.Fuzz()


def _mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Bend one input in two as what it is, the other as the bytes it is."""
    random = Random(seed)  # noqa: S311 - nothing is kept secret by it
    if random.random() < 0.5:
        return bend(data, random)[:longest]
    return atheris.Mutate(data, longest)


def _dictionary(begin: list[bytes]) -> str:
    """Return the words of what a target begins with, as the engine reads them."""
    words: set[bytes] = {piece for piece in PIECES if len(piece) <= _LONGEST_WORD}
    for seed in begin:
        text = seed[seed.find(b"{") :] if b"{" in seed else seed
        for line in text.split(b"\n"):
            for word in line.replace(b'"', b" ").replace(b":", b" ").split():
                if _SHORTEST_WORD <= len(word) <= _LONGEST_WORD:
                    words.add(word)
    spelled = ("".join(f"\\x{byte:02x}" for byte in word) for word in sorted(words))
    return "".join(f'"{word}"\n' for word in spelled)


if __name__ == "__main__":
    sys.exit(main())
