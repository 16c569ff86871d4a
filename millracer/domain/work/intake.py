"""Choose the intake kind of a delegated task; no prompts.

A forced kind wins, then the kind pi named, then deterministic rules on the task's words. The rules
are coarse on purpose: they only have to be predictable. Without any signal they choose a probe, the
kind that investigates before it changes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from millracer.domain.requests import IntakeKind, IntakePreference

EXACT_FILE_AND_TEST = "exact local file with its test"
EXACT_FILE_FIX = "exact local file to change"
OUTCOME_TO_BUILD = "an outcome to build, no file named"
NOTHING_SPEAKS = "nothing in the task says how large it is"


class IntakeSource(StrEnum):
    """Where the intake kind came from."""

    FORCED = "forced"
    PI = "pi"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeChoice:
    """The chosen kind, its source, and the signals for it."""

    kind: IntakeKind
    signals: tuple[str, ...]
    source: IntakeSource


def choose_intake(
    task: str,
    preference: IntakePreference,
    decided: IntakeKind | None,
    decided_signals: tuple[str, ...] = (),
) -> IntakeChoice:
    """Choose the intake kind.

    Args:
        task: the caller's text.
        preference: what the caller forces; `auto` leaves the choice open.
        decided: the kind pi named, None without a decision turn or when it named none.
        decided_signals: pi's reasons; reported when its kind is taken.
    """
    if preference is not IntakePreference.AUTO:
        kind = IntakeKind(preference.value)
        return IntakeChoice(kind=kind, signals=(f"forced {kind}",), source=IntakeSource.FORCED)
    if decided is not None:
        return IntakeChoice(kind=decided, signals=decided_signals, source=IntakeSource.PI)
    kind, signals = _read_task(task)
    return IntakeChoice(kind=kind, signals=signals, source=IntakeSource.FALLBACK)


def _read_task(task: str) -> tuple[IntakeKind, tuple[str, ...]]:
    files = _SOURCE_FILE.findall(_CITED_FILE.sub(" ", task))
    has_file = any(not _TEST_FILE.search(file) for file in files)
    has_test = any(_TEST_FILE.search(file) for file in files) or bool(_TEST_WORDS.search(task))
    if has_file and has_test:
        return IntakeKind.TASK, (EXACT_FILE_AND_TEST,)
    uncertain = _heard(task, _PROBE_SIGNALS)
    if uncertain:
        return IntakeKind.PROBE, uncertain
    shaping = _heard(task, _IDEA_SIGNALS)
    if shaping:
        return IntakeKind.IDEA, shaping
    if files and _LOCAL_WORDS.search(task):
        return IntakeKind.TASK, (EXACT_FILE_FIX,)
    if _BUILD_WORDS.search(task):
        return IntakeKind.IDEA, (OUTCOME_TO_BUILD,)
    return IntakeKind.PROBE, (NOTHING_SPEAKS,)


def _heard(task: str, signals: dict[str, re.Pattern[str]]) -> tuple[str, ...]:
    return tuple(name for name, words in signals.items() if words.search(task))


def _words(*alternatives: str) -> re.Pattern[str]:
    joined = "|".join(alternative.replace(" ", r"[\s-]+") for alternative in alternatives)
    return re.compile(rf"\b(?:{joined})\b", re.IGNORECASE)


_FILE = (
    r"(?<![\w./-])[\w./-]+\.(?:pyi?|[jt]sx?|rs|go|java|kt|rb|cc?|cpp|hh?|hpp|cs|sh|sql|md|rst|toml"
    r"|ya?ml|json|ini|cfg|s?css|html)\b(?![\w/])"
)
_SOURCE_FILE = re.compile(_FILE)
#: A document that the task only cites is not the file to change.
_CITED_FILE = re.compile(
    r"\b(?:see|per|read|follow|(?:described|specified|defined) (?:in|by)|according to)\s+`?"
    rf"{_FILE}",
    re.IGNORECASE,
)
_TEST_FILE = re.compile(
    r"(?:^|/)(?:tests?|spec)/|(?:^|/)test_|_(?:test|spec)\.|[.](?:test|spec)\.", re.IGNORECASE
)
_TEST_WORDS = _words(
    "pytest", "(?:failing|unit|regression|its) tests?", "(?:cargo|go|npm|make) test"
)
_LOCAL_WORDS = _words(
    *("fix", "fixes", "typo", "mechanical", "exactly", "only", "acceptance"),
    *("add", "bump", "change", "correct", "delete", "implement", "remove", "rename", "replace"),
    *("return", "set", "sort", "update"),
)
_THING = (
    r"(?:apps?|applications?|services?|systems?|modes?|sites?|websites?|apis?|clients?|accounts?"
    r"|games?|plug-?ins?|integrations?|pages?|internationali[sz]ation|locali[sz]ation|support for)"
)
_BUILD_WORDS = re.compile(
    # White space at a line end is matched from its beginning only: trying every position would take
    # quadratic time.
    r"(?:^|[.;:!?]\s*+|(?<!\s)(?=[^\S\n]*+\n)\s++|\b(?:and|then|please)\s++)(?:"
    r"(?:build|create|design|develop|implement|introduce)\b"
    rf"|(?:add|write)\s+(?:[\w-]+\s+){{0,3}}{_THING}\b)"
    r"|\bwant\b.{0,80}\bto be able to\b",
    re.IGNORECASE,
)

_PROBE_SIGNALS = {
    "large or existing codebase": _words(
        "(?:large|huge|big|legacy|pre existing|unfamiliar) (?:codebase|code base|repo|repository)",
        "monorepo",
    ),
    "uncertain where to change": _words(
        "uncertain",
        "unclear",
        "unknown (?:cause|files?|origin)",
        "affected (?:files?|surface|modules?)",
        "not sure (?:where|why|which|what)",
        "root cause",
        "flaky",
        "intermittent(?:ly)?",
        "race conditions?",
        "somewhere",
        "sometimes",
    ),
    "understand before changing": _words(
        "understand the (?:codebase|code|repository)",
        "before changing",
        "investigat(?:e|ing|ion)",
        "find out (?:why|where|how|what)",
        "why (?:do|does|did|is|are)",
        "(?:track|hunt) down",
        "figure out",
        "diagnose",
    ),
    "migration or refactoring": _words(
        "migrations?", "migrat(?:e|es|ing)", "refactor(?:s|ing|ed)?", "port (?:it )?(?:to|from)"
    ),
    "compatibility or regression risk": _words(
        "(?:backwards? )?compatib(?:le|ility)",
        "regress(?:ions?|es)?(?! tests?)",
        "neighbou?ring modules?",
        "existing conventions?",
        "cross module",
        "(?:repo|repository) wide",
        "everywhere",
        "across the (?:whole |entire )?(?:code|codebase|project|repo|repository)",
    ),
}
_IDEA_SIGNALS = {
    "clear outcome that needs shaping": _words(
        "(?:build|add|create|design|introduce) (?:a |an )?new",
        "new (?:feature|product|service|tool|command|page)",
        "capabilit(?:y|ies)",
        "dashboards?",
        "user facing",
        "operator visible",
        "workflows?",
        "tool behaviou?r",
        "roadmap",
    )
}
