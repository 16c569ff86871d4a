"""The demonstration's little project: code with a real bug, its test, and the task to mend it."""

from __future__ import annotations

_DOCSTRING = '"""Prices in cents."""'
_SIGNATURE = """\
def discounted(price: int, percent: int) -> int:
    \"\"\"Return the price after a discount of so many percent, in whole cents.\"\"\""""
_WRONG_LINE = "    return price - percent"
_RIGHT_LINE = "    return price - price * percent // 100"

SOURCE_NAME = "pricing.py"
CHANGELOG_NAME = "CHANGELOG.md"
CHANGELOG_LINE = "- `discounted` takes a share of the price, not a number of cents."

#: The function as the builder leaves it.
MENDED_SOURCE = f"{_DOCSTRING}\n\n\n{_SIGNATURE}\n{_RIGHT_LINE}\n"

FILES = {
    SOURCE_NAME: f"{_DOCSTRING}\n\n\n{_SIGNATURE}\n{_WRONG_LINE}\n",
    "test_pricing.py": """\
import unittest

from pricing import discounted


class DiscountedTest(unittest.TestCase):
    def test_ten_percent_of_twenty_is_two(self):
        self.assertEqual(discounted(2000, 10), 1800)

    def test_no_discount_changes_nothing(self):
        self.assertEqual(discounted(2000, 0), 2000)


if __name__ == "__main__":
    unittest.main()
""",
    CHANGELOG_NAME: "# Changelog\n\n## Unreleased\n",
    "README.md": "# Shop\n\nPrices and their discounts. Test with `python -m unittest`.\n",
    ".gitignore": "__pycache__/\nmillrace-agents/\n",
}

TASK = """\
Fix `discounted` in pricing.py: it takes the percentage off as if it were cents.

`discounted(2000, 10)` gives 1990 and must give 1800.
    python -m unittest
in this directory shows it and must pass afterwards. Note the fix in CHANGELOG.md.
"""
