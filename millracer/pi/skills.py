"""Find the skills for pi: those that the caller named, and Millrace's two operator skills.

A skill is a folder with a SKILL.md, or that file itself. The operator skills are found only in the
standard development layout, with this repository and Millrace's in one tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from millracer.errors import UsageError

_SKILL_FILE = "SKILL.md"
_OPERATOR_SKILLS = ("millrace-autonomous-delegation", "millrace-ops-agent-manual")
_SKILL_FOLDERS = (Path("dev/source/millrace/docs/skills"), Path("source/millrace/docs/skills"))


def resolve_skills(
    named: Iterable[Path], *, discover: bool, start: Path | None = None
) -> tuple[Path, ...]:
    """Return the absolute skill paths for pi, each once, the caller's own first.

    Args:
        named: the caller's skills.
        discover: whether to add the operator skills if they are found.
        start: the folder where the search starts; None for this package's repository.

    Raises:
        UsageError: a named skill does not exist or is not a skill.
    """
    chosen = [_check_skill(path) for path in named]
    if discover:
        chosen.extend(find_operator_skills(start))
    return tuple(dict.fromkeys(chosen))


def find_operator_skills(start: Path | None = None) -> tuple[Path, ...]:
    """Return the two operator skills, or an empty tuple unless both are found.

    An installed package has no surrounding repository and finds none.
    """
    repository = start.resolve() if start is not None else Path(__file__).resolve().parents[2]
    if not (repository / "pyproject.toml").is_file():
        return ()
    for root in (repository, *repository.parents):
        for folder in _SKILL_FOLDERS:
            skills = tuple(root / folder / name for name in _OPERATOR_SKILLS)
            if all((skill / _SKILL_FILE).is_file() for skill in skills):
                return skills
    return ()


def _check_skill(path: Path) -> Path:
    skill = path.expanduser().absolute()
    if skill.is_file() and skill.name == _SKILL_FILE:
        return skill
    if skill.is_dir() and (skill / _SKILL_FILE).is_file():
        return skill
    raise UsageError(
        f"{path} is not a skill: it is neither a folder with a {_SKILL_FILE} nor such a file",
        suggested_action="check the path given with --skill",
    )
