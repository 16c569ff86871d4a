"""The word list of `docs/contributing.md`: phrases to avoid, and a scanner that finds them.

Each rule has an example that it finds and a similar sentence that it must accept. Code blocks and
words between backticks are not scanned: they are program output and names. Of a Python file, the
docstrings, comments and strings are scanned; of a test, its docstrings, comments and the names that
it defines, because its strings are data.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_NOT_PROSE = (
    re.compile(r"`[^`]*`"),
    re.compile(r"\]\([^)]*\)"),
    re.compile(r"^\[[^\]]+\]: .*$", re.MULTILINE),
)
_QUOTATION = re.compile(r'"[^"]*"')
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Rule:
    """One phrase to avoid.

    Attributes:
        pattern: finds it, in any case; a blank matches any white space, also a line end.
        advice: what to write instead.
        bad: an example that the pattern finds.
        good: a similar sentence that it must accept.
    """

    pattern: str
    advice: str
    bad: str
    good: str

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Yield each place where the phrase occurs."""
        return re.finditer(self.pattern.replace(" ", r"\s+"), text, re.IGNORECASE)


RULES = (
    Rule(
        r"\b(?:who|what|which|whom)(?:so)?ever (?:asks?|waits?|wants?|looks?|it is)\b|\bwhoever\b",
        "name the caller, the listener, the reader",
        "The log is printed for whoever waits.",
        "Use whichever version is installed.",
    ),
    Rule(
        r"\b(?:no|some|any|every)body\b|\b(?:some|every) ?one else\b|\bsomeone\b",
        "name the person, or 'no process', 'another caller', 'foreign'",
        "The lock of a process that nobody reaped.",
        "The request body is empty.",
    ),
    Rule(
        r"\b(?:tells?|telling|told)\b",
        "report, log, print, send, notify",
        "The daemon tells of its end.",
        "A teller of numbers.",
    ),
    Rule(
        r"\b(?:ours|theirs|our|us|we)\b",
        "Millracer's, Millrace's, owned, foreign",
        "A daemon of ours is stopped.",
        "The outer hours are used with care.",
    ),
    Rule(
        r"\b(?:go|goes|going|went|gone) on\b",
        "continue, or say what happens",
        "The run goes\non after a crash.",
        "Options go into a file on disk.",
    ),
    Rule(
        r"\bmend(?:s|ed|ing)?\b(?!-)",
        "fix",
        "The command that mends it.",
        "A recommendation, amended, for the item mend-the-widget.",
    ),
    Rule(
        r"(?<!there\s)\b(?:is|are|was|were) no "
        r"(?!longer\b|more\b|less\b|fewer\b|later\b|earlier\b|newer\b|older\b|different\b|better\b)\w",
        "is not a",
        "Standard input is no terminal.",
        "It is no longer used, there is no daemon, and the limit is no more than ten.",
    ),
    Rule(
        r"\b(?:of |from |by )?what (?:is|was|are|were|has been) "
        r"(?:told|asked|said|wanted|handed|begun)\b",
        "use the noun: the request, the report, the answer",
        "The document would not say what was asked.",
        "Troubleshooting explains what was measured.",
    ),
    Rule(
        r"\bsa(?:ys?|id) of\b|\b(?:is|was|are|were) said\b",
        "state, report",
        "It says of what is missing what to do.",
        "The message says which of them failed.",
    ),
    Rule(
        r"\bothers? end\b(?! of)",
        "name the program",
        "Until the other end closes it.",
        "The other endings are listed.",
    ),
    Rule(
        r"\b(?:stands|stood)\b(?! for\b)",
        "is",
        "Below an answer stands how the run ended.",
        "WAL stands for write-ahead log; you understand it.",
    ),
    Rule(
        r"\blook(?:s|ed|ing)?\b"
        r"(?!-up| up| (?:\w+ )?\w+ up| for| in| like| as if| the same| stale| younger| complete)",
        "check, read, poll, inspect; a reading, a search",
        "The doctor looks whether a run could work, and a second look finds more.",
        "Look up a term, look the item up; a place where it was looked for looks like a look-up.",
    ),
    Rule(
        r"\b(?:un)?begun\b",
        "started",
        "After the work has begun.",
        "The work has started.",
    ),
    Rule(
        r"\bow(?:es?|ed|ing)\b",
        "must print, must return",
        "The document that a command owes.",
        "Owned daemons are allowed.",
    ),
    Rule(
        r"\b(?:is|are|was|were|be|been) asked for(?=[.,;:)]|$| (?:by|once|again|and|in)\b)",
        "is requested; or name the request",
        "The workspaces it was asked for.",
        "The program asks for a folder.",
    ),
    Rule(
        r"\binvent(?:s|ed)?\b",
        "fake",
        "The command line of an invented Millrace.",
        "An inventory of prevented faults.",
    ),
    Rule(
        r"\banew\b",
        "again",
        "The page is written anew.",
        "A new page is written.",
    ),
    Rule(
        r"\botherwise than\b|\bnot otherwise\b",
        "differently, in another way",
        "It answered otherwise than its versions do.",
        "The current directory is used otherwise.",
    ),
    Rule(
        r"\blies\b|\blay (?:in|at|on|below|beside|there)\b",
        "is in",
        "The file lies below the state folder.",
        "The relays in the rack.",
    ),
    Rule(
        r"\bto be had\b|\bwhat it has of\b|\bcomes? of it\b",
        "available; or use the noun",
        "Tools that are not to be had.",
        "It remains to be handled.",
    ),
    Rule(
        r"\bby whose word\b|\bfor you alone\b",
        "its origin; for your user",
        "Which program was used, and by whose word.",
        "A workspace whose words are counted.",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase to avoid, with its place."""

    path: Path
    line: int
    phrase: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.phrase!r}; write: {self.advice}"


def findings(path: Path, *, skips_quotations: bool = False) -> Iterator[Finding]:
    """Yield every phrase to avoid in a Markdown or Python file, with its line from 1."""
    source = path.read_text(encoding="utf-8")
    texts = _prose(source) if path.suffix == ".md" else _texts(source)
    yield from _findings(path, texts, skips_quotations=skips_quotations)


def findings_in_test(path: Path) -> Iterator[Finding]:
    """Yield every phrase to avoid in a test's docstrings, comments and defined names."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    texts = (*_docstrings(tree), *_comments(source), *_defined_names(tree))
    yield from _findings(path, texts, skips_quotations=False)


def _findings(
    path: Path, texts: Iterable[tuple[int, str]], *, skips_quotations: bool
) -> Iterator[Finding]:
    for first_line, text in texts:
        scanned = _blank(_QUOTATION, text) if skips_quotations else text
        for rule in RULES:
            for match in rule.find(scanned):
                line = first_line + scanned.count("\n", 0, match.start())
                yield Finding(path, line, " ".join(match[0].split()), rule.advice)


def _prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield a page's text, with its code and link targets blanked out so that lines keep."""
    text = _blank(_BLOCK, source)
    for pattern in _NOT_PROSE:
        text = _blank(pattern, text)
    yield 1, text


def _texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the strings, docstrings among them, and comments of a module with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, _blank(_NOT_PROSE[0], node.value)
    yield from _comments(source)


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, _blank(_NOT_PROSE[0], text)


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _blank(_NOT_PROSE[0], token.string)


def _defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a module defines, as words: `is_told` and `IsTold` are "is told"."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield node.lineno, _as_words(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, _as_words(name)
            case _:
                pass


def _as_words(name: str) -> str:
    return _WORD_START.sub(" ", name).replace("_", " ").strip()


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Replace each match by as many line ends as it holds, and a mark that no rule matches."""
    return pattern.sub(lambda match: "#" + "\n" * match[0].count("\n"), text)
