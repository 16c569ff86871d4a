"""The mutants of one module: each is the module with one small wrong change.

A mutant's name says where it is and what it changes, never a line, so that it stays the same while
other code moves. Changed are expressions, statements and the entries of tables; not changed are
annotations, docstrings, decorators, imports and `__all__`, which decide nothing.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tests.mutation.changes import Change, Members, changes

DOMAIN = Path(__file__).parents[2] / "millracer" / "domain"
_SHOWN = 160
_SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "bases", "keywords_of"})
_SCOPES = (ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One changed module, identified by its file, the change's number and its name."""

    module: str
    number: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The place of a node in the tree; writing another node there makes the mutant."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    scope: str

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def modules() -> tuple[str, ...]:
    """Return the names of the domain's modules, with dots: `run.completion`."""
    paths = (path for path in DOMAIN.rglob("*.py") if path.stem != "__init__")
    return tuple(sorted(".".join(path.relative_to(DOMAIN).with_suffix("").parts) for path in paths))


def path_of(module: str) -> Path:
    """Return the file of a module of the domain."""
    return DOMAIN.joinpath(*module.split(".")).with_suffix(".py")


def mutants_of(module: str) -> tuple[Mutant, ...]:
    """Return a module's mutants, in the order of the code."""
    seen: Counter[str] = Counter()
    found = []
    for number, (place, change) in enumerate(_all_changes(_parse(module), _members())):
        name = f"{module}.{place.scope}: {_shown(change)}"
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name} (number {seen[name]})"
        found.append(Mutant(module=module, number=number, name=name))
    return tuple(found)


def compile_mutant(mutant: Mutant) -> CodeType:
    """Return the changed module, compiled."""
    tree = _parse(mutant.module)
    for number, (place, change) in enumerate(_all_changes(tree, _members())):
        if number == mutant.number:
            place.put(ast.copy_location(copy.deepcopy(change.after), place.node))
            break
    source = ast.unparse(ast.fix_missing_locations(tree))
    return compile(source, str(path_of(mutant.module)), "exec")


def _parse(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def _members() -> Members:
    """Return the members of every closed set of the domain, by the set's name."""
    members: dict[str, tuple[str, ...]] = {}
    for module in modules():
        for node in _parse(module).body:
            if isinstance(node, ast.ClassDef) and "StrEnum" in map(ast.unparse, node.bases):
                members[node.name] = tuple(
                    target.id
                    for statement in node.body
                    if isinstance(statement, ast.Assign)
                    for target in statement.targets
                    if isinstance(target, ast.Name)
                )
    return members


def _all_changes(tree: ast.Module, members: Members) -> Iterator[tuple[_Place, Change]]:
    known = _with_short_names(tree, members)
    for place in _places(tree, "module"):
        for change in changes(place.node, place.parent, place.field, known):
            yield place, change


def _with_short_names(tree: ast.Module, members: Members) -> Mapping[str, tuple[str, ...]]:
    """Add the names a module gives to closed sets, such as `S, E = RunState, RunEvent`."""
    known = dict(members)
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
            continue
        (target,) = node.targets
        if isinstance(target, ast.Tuple):
            for short, full in zip(target.elts, node.value.elts, strict=True):
                known[ast.unparse(short)] = members.get(ast.unparse(full), ())
    return known


def _places(node: ast.AST, scope: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED_FIELDS:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _decides_nothing(field, index, child):
                continue
            at = index if isinstance(value, list) else None
            yield _Place(node=child, parent=node, field=field, index=at, scope=scope)
            yield from _places(child, _scope(scope, child))


def _decides_nothing(field: str, index: int, child: ast.AST) -> bool:
    match child:
        case ast.Expr(value=ast.Constant()):
            return field == "body" and index == 0
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case _:
            return False


def _scope(scope: str, node: ast.AST) -> str:
    if not isinstance(node, _SCOPES):
        return scope
    return node.name if scope == "module" else f"{scope}.{node.name}"


def _shown(change: Change) -> str:
    text = change.description
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"
