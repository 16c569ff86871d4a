"""One mutant's trial: do the tests notice it?

The interpreter that calls this has imported what the tests need and nothing of the product. Each
trial is a fork of it, which imports the product with the mutant in its module's place and runs
pytest; so a mutant costs its tests and not the start of everything.
"""

from __future__ import annotations

import ast
import gc
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from hypothesis import Phase, settings

from tests.mutation.mutants import Mutant, compile_mutant, modules, path_of

_TESTS = Path(__file__).parents[1] / "unit" / "domain"
_DOMAIN = "millracer.domain."
#: Far longer than the tests take, in processor time and on the wall: who needs it does not end.
_PROCESSOR_SECONDS = 30
_WALL_SECONDS = 600
_PROFILE = "mutation"
#: The rules start nothing, so no test of them needs a fixture that watches processes; a
#: failure needs no assertion explained, and what `make test` leaves out is left out.
_OPTIONS = (
    *("-x", "-q", "--noconftest", "--assert=plain", "-p", "no:cacheprovider", "-m", "not slow"),
    f"--hypothesis-profile={_PROFILE}",
)
#: The example that killed a mutant is not read, so no smaller one is searched.
settings.register_profile(
    _PROFILE,
    derandomize=True,
    deadline=None,
    max_examples=25,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
_PASSED = int(pytest.ExitCode.OK)
_NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)
_USAGE = int(pytest.ExitCode.USAGE_ERROR)


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed_out"  #: the tests did not end: noticed all the same
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant and its fate."""

    mutant: Mutant
    fate: Fate


def try_mutant(mutant: Mutant) -> Tried:
    """Run the tests on a mutant: its module's own, then those of the rules that use it."""
    code = compile_mutant(mutant)
    for tests in _test_sets(mutant.module):
        fate = _run(mutant.module, code, tests)
        if fate is not Fate.SURVIVED:
            return Tried(mutant, fate)
    return Tried(mutant, Fate.SURVIVED)


def check_tests(module: str) -> None:
    """Run the same tests on the module as it is.

    Raises:
        RuntimeError: they fail, so they would kill anything.
    """
    for tests in _test_sets(module):
        if _run(None, None, tests) is not Fate.SURVIVED:
            raise RuntimeError(f"without a mutant these tests fail already: {tests}")


def _test_sets(module: str) -> list[Sequence[Path]]:
    """Return the module's own tests, and those of what uses it."""
    users = {module} | {each for each in modules() if module in _imported(path_of(each))}
    related = [path for path in sorted(_TESTS.rglob("test_*.py")) if users & _imported(path)]
    own = [path for path in related if path.stem.startswith(f"test_{module.rpartition('.')[2]}")]
    others = [path for path in related if path not in own]
    return [tests for tests in (own, others) if tests]


@cache
def _imported(path: Path) -> frozenset[str]:
    """Return which modules of the domain a file imports."""
    return frozenset(
        name.removeprefix(_DOMAIN)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for name in (node.module, *(f"{node.module}.{each.name}" for each in node.names))
        if name.startswith(_DOMAIN)
    )


def _run(module: str | None, code: CodeType | None, tests: Sequence[Path]) -> Fate:
    process = os.fork()
    if process == 0:
        _child(module, code, tests)
    timer = threading.Timer(_WALL_SECONDS, os.kill, (process, signal.SIGKILL))
    timer.start()
    try:
        _, status = os.waitpid(process, 0)
    finally:
        timer.cancel()
    if os.WIFSIGNALED(status):
        return Fate.TIMED_OUT
    ended = os.WEXITSTATUS(status)
    if ended in {_NO_TESTS, _USAGE}:
        raise RuntimeError(f"pytest could not run {tests}")
    return Fate.SURVIVED if ended == _PASSED else Fate.KILLED


def _child(module: str | None, code: CodeType | None, tests: Sequence[Path]) -> None:
    """Run pytest and leave with its exit code; returns never."""
    ended = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        gc.freeze()  # or each of pytest's collections goes through all that was inherited
        if module is not None and code is not None:
            sys.meta_path.insert(0, _Changed(f"millracer.domain.{module}", code))
        ended = int(pytest.main([*_OPTIONS, *map(str, tests)], plugins=[_DrawnLast()]))
    finally:
        os._exit(ended)


class _DrawnLast:
    """Puts the tests that draw examples behind all others: most mutants need none of them."""

    @staticmethod
    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: item.get_closest_marker("hypothesis") is not None)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and gives it another code."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name = name
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102 - that is what a mutant is for
