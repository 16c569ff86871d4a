"""The words of every closed set: what callers, documents and the diagram read."""

from enum import StrEnum

import pytest

from millracer.domain import (
    configuration,
    control,
    diagnosis,
    intake,
    lifecycle,
    modes,
    observation,
    operator_line,
    overview,
    preferences,
    programs,
    resolution,
    result,
    setup_plan,
    work,
)

MODULES = (
    configuration,
    control,
    diagnosis,
    intake,
    lifecycle,
    modes,
    observation,
    operator_line,
    overview,
    preferences,
    programs,
    resolution,
    result,
    setup_plan,
    work,
)
#: What is not called as its name.
OTHERWISE = {work.ProgressKind.NOTIFIED: "stage_notified"}


def closed_sets() -> list[type[StrEnum]]:
    return [
        each
        for module in MODULES
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, StrEnum) and each is not StrEnum
    ]


@pytest.mark.parametrize("words", closed_sets(), ids=lambda words: words.__name__)
def test_every_word_is_its_name(words: type[StrEnum]) -> None:
    for word in words:
        assert OTHERWISE.get(word, word.name.lower()) == word.value
