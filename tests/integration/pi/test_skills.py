from __future__ import annotations

from pathlib import Path

import pytest

from millracer.errors import UsageError
from millracer.pi.skills import find_operator_skills, resolve_skills

NAMES = ("millrace-autonomous-delegation", "millrace-ops-agent-manual")


def make_skill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("# skill\n", encoding="utf-8")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "dev" / "apps" / "millracer"
    root.mkdir(parents=True)
    (root / "pyproject.toml").touch()
    return root


def test_the_operator_skills_are_found_in_the_development_layout(repository: Path) -> None:
    folder = repository / "../../source/millrace/docs/skills"
    made = tuple(make_skill(folder.resolve() / name) for name in NAMES)

    assert made == find_operator_skills(repository)


def test_one_operator_skill_alone_is_none(repository: Path) -> None:
    make_skill(repository / "../../source/millrace/docs/skills" / NAMES[0])

    assert find_operator_skills(repository) == ()


def test_an_installed_package_searches_nowhere(repository: Path) -> None:
    for name in NAMES:
        make_skill(repository.parents[1] / "source/millrace/docs/skills" / name)
    (repository / "pyproject.toml").unlink()

    assert find_operator_skills(repository) == ()


def test_named_skills_come_first_and_each_once(repository: Path) -> None:
    folder = repository.parents[1] / "source/millrace/docs/skills"
    made = tuple(make_skill(folder / name) for name in NAMES)
    own = make_skill(repository / "own") / "SKILL.md"

    found = resolve_skills([own, made[1], own], discover=True, start=repository)

    assert found == (own, made[1], made[0])


def test_discovery_can_be_switched_off(repository: Path) -> None:
    for name in NAMES:
        make_skill(repository.parents[1] / "source/millrace/docs/skills" / name)

    assert resolve_skills([], discover=False, start=repository) == ()


@pytest.mark.parametrize("name", ["absent", "empty", "file.md"])
def test_a_named_skill_that_is_none_is_the_callers_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.md").touch()

    with pytest.raises(UsageError, match=name):
        resolve_skills([tmp_path / name], discover=False)
