"""Search very long texts for every regular expression of the package; a slow one ends the process.

Each text repeats what an expression looks for, so that time beyond what is linear in the text
shows. The processor time for one text is limited: the system's signal ends this process, and the
last line of its output names the expression and the text.
"""

import ast
import importlib
import pkgutil
import re
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

LENGTH = 100_000
SECONDS = 2.0
_MOST_LETTERS = 6
_MOST_WORDS = 6
#: The place of the expression in an operation's argument.
_INNER = {
    **dict.fromkeys(("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"), 2),
    **dict.fromkeys(("ASSERT", "ASSERT_NOT"), 1),
    "SUBPATTERN": 3,
    "ATOMIC_GROUP": 0,
}
_ANCHORED = {"match", "fullmatch"}

_package = Path(__file__).parents[2] / "millracer"
_found: dict[tuple[str | bytes, int], tuple[str, re.Pattern[Any]]] = {}
_compile: Callable[..., re.Pattern[Any]] = re._compile


def main() -> None:
    """Try everything."""
    re._compile = _recorded
    for module in pkgutil.walk_packages([str(_package)], "millracer."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    _compile_late()
    anchored = set(_anchored_names())
    for place, pattern in list(_found.values()):
        use = pattern.match if place in anchored else pattern.search
        for text in _texts(pattern):
            _within_limit(f"{place} {pattern.pattern!r}", use, text)
    for name, function in _functions():
        for text in _key_texts():
            _within_limit(name, function, text)
    _say(f"{len(_found)} expressions")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _within_limit(name: str, function: Callable[[Any], object], text: str | bytes) -> None:
    _say(f"{name} on {text[:24]!r}...")
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    function(text)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _recorded(pattern: Any, flags: int) -> re.Pattern[Any]:
    compiled = _compile(pattern, flags)
    caller = sys._getframe(2)
    file = Path(caller.f_code.co_filename)
    if file.is_relative_to(_package) and (file.name, caller.f_code.co_name) != _SHAPES:
        place = f"{file.relative_to(_package)}:{_name_at(file, caller.f_lineno)}"
        _found[compiled.pattern, compiled.flags] = place, compiled
    return compiled


#: These are tried only at their anchor: as `find_shapes` does it, below.
_SHAPES = ("secret_shapes.py", "_compiled")


def _compile_late() -> None:
    """Let those expressions be made that are made when they are needed."""
    _secret_shapes().find_shapes("")
    importlib.import_module("millracer.schemas.config_file")._line_of("", "key")


def _secret_shapes() -> Any:
    return importlib.import_module("millracer.redaction.key_patterns")


def _name_at(file: Path, line: int) -> str:
    """Return the name a module gives what it makes in this line; empty where it gives none."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.lineno <= line <= (node.end_lineno or 0):
            return ast.unparse(node.targets[0])
    return ""


def _anchored_names() -> Iterator[str]:
    """Yield the place of each expression that is never searched for."""
    for file in _package.rglob("*.py"):
        uses: dict[str, set[str]] = {}
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                uses.setdefault(node.value.id, set()).add(node.attr)
        for name, methods in uses.items():
            if methods <= _ANCHORED:
                yield f"{file.relative_to(_package)}:{name}"


def _texts(pattern: re.Pattern[Any]) -> Iterator[str | bytes]:
    words = list(dict.fromkeys(_words(re._parser.parse(pattern.pattern, pattern.flags))))
    letters = sorted({word for word in words if len(word) == 1})[:_MOST_LETTERS]
    longer = sorted((word for word in words if len(word) > 1), key=len)[:_MOST_WORDS]
    units = [*letters, *longer, *map("".join, product([*letters, *longer], letters))]
    for begin, unit in [*product([""], units), *product([*longer, *letters], letters)]:
        text = begin + unit * (LENGTH // len(unit)) + "\0"
        yield text.encode() if isinstance(pattern.pattern, bytes) else text


def _words(parsed: Any) -> Iterator[str]:
    """Yield the literals of a parsed expression, and a character of each of its classes."""
    literal = ""
    for operation, argument in parsed:
        kind = str(operation)
        if kind == "LITERAL":
            literal += chr(argument)
            yield chr(argument)
            continue
        if literal:
            yield literal
        literal = ""
        if kind == "IN":
            yield from map(_member, argument)
        elif kind in {"ANY", "NOT_LITERAL"}:
            yield "q"
        elif kind == "BRANCH":
            for branch in argument[1]:
                yield from _words(branch)
        elif kind in _INNER:
            yield from _words(argument[_INNER[kind]] if isinstance(argument, tuple) else argument)
    if literal:
        yield literal


def _member(entry: tuple[Any, Any]) -> str:
    kind, argument = str(entry[0]), entry[1]
    if kind == "LITERAL":
        return chr(argument)
    if kind == "RANGE":
        return chr(argument[0])
    categories = {"CATEGORY_SPACE": "\n", "CATEGORY_DIGIT": "1", "CATEGORY_WORD": "w"}
    return categories.get(str(argument), "q")


def _functions() -> list[tuple[str, Callable[[Any], object]]]:
    redaction = importlib.import_module("millracer.redaction.rules")
    value = "0123456789abcdef" * (LENGTH // 16)
    return [
        ("text", redaction.Redaction([value]).text),
        ("secret_values", lambda text: redaction.secret_values([("X_KEY", text), ("X", text)])),
    ]


def _key_texts() -> Iterator[str]:
    anchors = {pattern: anchor for anchor, pattern in _secret_shapes()._SHAPES.items()}.values()
    units = ["0123456789abcdef", "abc:", "://a:"]
    for anchor, before, after in product(anchors, ("", "0m"), ("", "a", ".b")):
        units.append(before + anchor + after)
    for unit in units:
        repeated = unit * (LENGTH // len(unit))
        yield repeated
        yield f"{repeated}\0{repeated}"


if __name__ == "__main__":
    main()
