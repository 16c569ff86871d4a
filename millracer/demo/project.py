"""The demonstration's small project: code with a real bug, its test, and the requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from millracer.domain.requests import IntakeKind

_SOURCE_NAME = "pricing.py"
_TEST_NAME = "test_pricing.py"
CHANGELOG_NAME: Final = "CHANGELOG.md"

_SOURCE = '''\
"""Prices in cents."""


def discounted(price: int, percent: int) -> int:
    """Return the price after a discount of so many percent, in whole cents."""
'''
_WRONG_LINE = "    return price - percent\n"
_RIGHT_LINE = "    return price - price * percent // 100\n"

_TESTS_BEGIN = """\
import unittest

from pricing import discounted


class DiscountedTest(unittest.TestCase):
    def test_ten_percent_of_twenty_is_two(self):
        self.assertEqual(discounted(2000, 10), 1800)

    def test_no_discount_changes_nothing(self):
        self.assertEqual(discounted(2000, 0), 2000)
"""
_MORE_TESTS = """
    def test_the_whole_discount_leaves_nothing(self):
        self.assertEqual(discounted(2000, 100), 0)
"""
_TESTS_END = """

if __name__ == "__main__":
    unittest.main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to the project, as large as one task.

    Attributes:
        slug: the suffix of the id of the task that planning creates for it.
        title: the first line of that task, by which the builder recognises it.
        acceptance: the acceptance criterion.
        path: the file that changes.
        content: that file after the change.
        changelog_line: the updater's line in the changelog.
    """

    slug: str
    title: str
    acceptance: str
    path: str
    content: str
    changelog_line: str


FIX: Final = Change(
    slug="fix",
    title="Take a share of the price off in `discounted`",
    acceptance="`discounted(2000, 10)` gives 1800 and `python -m unittest` passes.",
    path=_SOURCE_NAME,
    content=_SOURCE + _RIGHT_LINE,
    changelog_line="- `discounted` takes a share of the price, not a number of cents.",
)
COVER: Final = Change(
    slug="cover",
    title="Test that the whole discount leaves nothing",
    acceptance="A test says that `discounted(2000, 100)` is 0, and `python -m unittest` passes.",
    path=_TEST_NAME,
    content=_TESTS_BEGIN + _MORE_TESTS + _TESTS_END,
    changelog_line="- A test holds `discounted` to the whole discount.",
)

FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        _SOURCE_NAME: _SOURCE + _WRONG_LINE,
        _TEST_NAME: _TESTS_BEGIN + _TESTS_END,
        CHANGELOG_NAME: "# Changelog\n\n## Unreleased\n",
        "README.md": "# Shop\n\nPrices and their discounts. Test with `python -m unittest`.\n",
        ".gitignore": "__pycache__/\nmillrace-agents/\n",
    }
)

#: The text of the request for each kind of intake.
REQUESTS: Final[Mapping[IntakeKind, str]] = MappingProxyType(
    {
        IntakeKind.TASK: """\
Fix `discounted` in pricing.py: it takes the percentage off as if it were cents.

`discounted(2000, 10)` gives 1990 and must give 1800.
    python -m unittest
in this directory shows it and must pass afterwards. Note the fix in CHANGELOG.md.
""",
        IntakeKind.PROBE: """\
Customers are charged too much: find out why, and fix it.

    python -m unittest
in this directory fails, and must pass afterwards. Note the fix in CHANGELOG.md.
""",
        IntakeKind.IDEA: """\
Discounts that can be relied on: right for every percentage, and tested for the largest.

    python -m unittest
in this directory must pass at the end. Note each change in CHANGELOG.md.
""",
    }
)
