"""The small wrong changes that one node of a module's tree allows."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

#: The members of closed sets by the set's name.
Members: TypeAlias = Mapping[str, tuple[str, ...]]

_COMPARED: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLED = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "sorted": "list",
    "reversed": "list",
    "startswith": "endswith",
    "endswith": "startswith",
    "removeprefix": "removesuffix",
    "removesuffix": "removeprefix",
    "strip": "lstrip",
    "lstrip": "strip",
    "rstrip": "strip",
    "lower": "upper",
    "match": "search",
    "fullmatch": "match",
    "search": "match",
    "split": "rsplit",
    "rsplit": "split",
    "partition": "rpartition",
    "rpartition": "partition",
}


#: Two words of a sentence: its wording decides nothing.
_PROSE = re.compile(r"[A-Za-z]{2} [A-Za-z]{2}")


@dataclass(frozen=True, slots=True)
class Change:
    """The replacement of a node, and its description."""

    after: ast.AST
    description: str


def changes(node: ast.AST, parent: ast.AST, field: str, members: Members) -> Iterator[Change]:
    """Yield every change of one node.

    Args:
        node: where it happens.
        parent: what holds the node.
        field: under which name.
        members: gives the neighbours of a closed set's member.
    """
    yield from _questioned(node, parent, field)
    yield from _computed(node)
    match node:
        case ast.Constant():
            yield from _constants(node)
        case ast.Tuple() | ast.List() | ast.Set() if _is_read(node, field):
            yield from _shortened(node)
        case ast.Dict():
            yield from _shortened_table(node)
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in members.get(name, ()):
            following = members[name][(members[name].index(attr) + 1) % len(members[name])]
            yield _changed(node, _with(node, attr=following))
        case ast.Call():
            yield from _called(node)
        case ast.Slice():
            yield from _widened(node)
        case ast.stmt():
            yield from _statements(node)


def _computed(node: ast.AST) -> Iterator[Change]:
    """Yield what an operator's node becomes with another operator, or with one operand less."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            yield from _joined(node)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield _changed(node, node.operand)
        case ast.BinOp() if type(node.op) in _COMPUTED:
            yield _changed(node, _with(node, op=_COMPUTED[type(node.op)]()))


def _questioned(node: ast.AST, parent: ast.AST, field: str) -> Iterator[Change]:
    """Yield the opposite of a condition, and leave out the condition of a comprehension."""
    if not isinstance(node, ast.expr):
        return
    asks = (ast.If, ast.While, ast.IfExp, ast.match_case)
    turned_otherwise = isinstance(node, (ast.Compare, ast.UnaryOp))
    if field in {"test", "guard"} and isinstance(parent, asks) and not turned_otherwise:
        yield _changed(
            node, ast.UnaryOp(op=ast.Not(), operand=node), description=f"not ({_text(node)})"
        )
    if field == "ifs":
        yield _changed(node, ast.Constant(value=True))


def _compared(node: ast.Compare) -> Iterator[Change]:
    for index, op in enumerate(node.ops):
        for other in _COMPARED.get(type(op), ()):
            ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield _changed(node, _with(node, ops=ops))


def _joined(node: ast.BoolOp) -> Iterator[Change]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield _changed(node, _with(node, op=other))
    for index in range(len(node.values)):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        yield _changed(node, rest[0] if len(rest) == 1 else _with(node, values=rest))


def _constants(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool(value):
            yield _changed(node, ast.Constant(value=not value))
        case int(value) | float(value):
            yield _changed(node, ast.Constant(value=value + 1))
        case str(value) if not _PROSE.search(value):
            yield _changed(node, ast.Constant(value=f"XX{value}"))


def _is_read(node: ast.Tuple | ast.List | ast.Set, field: str) -> bool:
    return field != "slice" and (isinstance(node, ast.Set) or isinstance(node.ctx, ast.Load))


def _shortened(node: ast.Tuple | ast.List | ast.Set) -> Iterator[Change]:
    for index, element in enumerate(node.elts):
        rest = [*node.elts[:index], *node.elts[index + 1 :]]
        after: ast.expr = _with(node, elts=rest)
        if isinstance(node, ast.Set) and not rest:
            after = ast.Call(func=ast.Name(id="set", ctx=ast.Load()), args=[], keywords=[])
        yield Change(after, f"a {type(node).__name__.lower()} without {_text(element)}")


def _shortened_table(node: ast.Dict) -> Iterator[Change]:
    for index, key in enumerate(node.keys):
        keys = [*node.keys[:index], *node.keys[index + 1 :]]
        values = [*node.values[:index], *node.values[index + 1 :]]
        named = f"**{_text(node.values[index])}" if key is None else _text(key)
        yield Change(_with(node, keys=keys, values=values), f"a dict without {named}")


def _called(node: ast.Call) -> Iterator[Change]:
    match node.func:
        case ast.Name(id=name) if name in _CALLED:
            func: ast.expr = ast.Name(id=_CALLED[name], ctx=ast.Load())
        case ast.Attribute(attr=name) if name in _CALLED:
            func = _with(node.func, attr=_CALLED[name])
        case _:
            return
    yield _changed(node, _with(node, func=func))


def _widened(node: ast.Slice) -> Iterator[Change]:
    if node.lower is not None:
        yield _changed(node, _with(node, lower=None))
    if node.upper is not None:
        yield _changed(node, _with(node, upper=None))


def _statements(node: ast.stmt) -> Iterator[Change]:
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield _changed(node, ast.Return(value=ast.Constant(value=None)))
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield _left_out(node)
        case ast.AugAssign():
            yield _left_out(node)
            if type(node.op) in _COMPUTED:
                yield _changed(node, _with(node, op=_COMPUTED[type(node.op)]()))
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield _left_out(node)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield _left_out(node)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _left_out(node: ast.stmt) -> Change:
    return Change(ast.Pass(), f"without {_text(node)}")


def _changed(node: ast.AST, after: ast.AST, *, description: str | None = None) -> Change:
    return Change(after, f"{_text(node)} -> {_text(after) if description is None else description}")


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """Return a node like another, some of its fields replaced."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())
