"""When the soak takes a figure for flat."""

from __future__ import annotations

import pytest

from tests.soak.flatness import Gauge, Rule
from tests.soak.page import Part, render


def gauge(rule: Rule, slack: float = 0.0, *, is_judged: bool = True) -> Gauge:
    return Gauge(key="k", name="memory", unit="MiB", rule=rule, slack=slack, is_judged=is_judged)


@pytest.mark.parametrize(
    ("rule", "values", "is_flat"),
    [
        (Rule.LEVEL, [50.0] * 100, True),
        (Rule.LEVEL, [50.0] * 90 + [57.0] * 10, True),
        (Rule.LEVEL, [50.0] * 90 + [57.1] * 10, False),
        (Rule.LEVEL, [50.0] * 50 + [900.0] + [50.0] * 49, True),
        (Rule.LEVEL, [50.0 + at for at in range(100)], False),
        (Rule.NONE, [0.0] * 100, True),
        (Rule.NONE, [0.0] * 50 + [1.0] + [0.0] * 49, False),
        (Rule.STEADY, [3.0 * at for at in range(100)], True),
        (Rule.STEADY, [float(at * at) for at in range(100)], False),
    ],
)
def test_a_figure_is_flat_by_its_ends_or_by_every_reading(
    rule: Rule, values: list[float], *, is_flat: bool
) -> None:
    assert gauge(rule, slack=2.0).judge(values).is_flat is is_flat


def test_an_unlimited_figure_fails_nothing_and_is_in_the_table_without_a_verdict() -> None:
    rising = [{"k": float(at)} for at in range(20)]
    unjudged = Part(what="# W", gauges=(gauge(Rule.LEVEL, is_judged=False),), readings=rising)
    judged = Part(what="# W", gauges=(gauge(Rule.LEVEL),), readings=rising)
    page = render((unjudged, judged), millrace="1", pi="2")

    assert (unjudged.is_flat, judged.is_flat) == (True, False)
    assert "| memory | 0.5 MiB | 18.5 MiB | 19.0 MiB |  |  |" in page
    assert "| memory | 0.5 MiB | 18.5 MiB | 19.0 MiB | 0.6 | **no** |" in page
