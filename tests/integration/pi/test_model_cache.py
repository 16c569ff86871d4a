"""Which models a pi session lists, and when it may remember them instead of starting pi."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.models import Model
from millracer.errors import ToolFailed, ToolTimeout
from millracer.pi.model_cache import remembered_names
from millracer.pi.one_shot import PrintPi
from millracer.pi.options import PiOptions
from millracer.pi.rpc import RpcPi
from millracer.pi.session import PiSession

_CHILD = Path(__file__).parents[2] / "children" / "pi_listing.py"
LARGE = Model(provider="stub", model_id="large")


def environment(tmp_path: Path, **more: str) -> Mapping[str, str]:
    folder = tmp_path / "agent"
    folder.mkdir(exist_ok=True)
    return {
        **os.environ,
        "PI_CODING_AGENT_DIR": str(folder),
        "MILLRACER_STATE_DIR": str(tmp_path / "state"),
        **more,
    }


def session(tmp_path: Path, how: str = "models", kind: type = RpcPi, **more: str) -> PiSession:
    argv = (sys.executable, str(_CHILD), how)
    found = kind(PiOptions(cwd=tmp_path, argv=argv, env=environment(tmp_path, **more)))
    assert isinstance(found, PiSession)
    return found


def wait(seconds: float = 30.0) -> Wait:
    return Wait.for_seconds(seconds)


def starts(tmp_path: Path) -> bool:
    """Whether pi was started since the last call."""
    mark = tmp_path / "agent" / "written"
    was_there = mark.exists()
    mark.unlink(missing_ok=True)
    return was_there


@pytest.mark.parametrize("kind", [RpcPi, PrintPi])
def test_models_are_listed_once_and_then_remembered(tmp_path: Path, kind: type) -> None:
    for is_started in (True, False):
        pi = session(tmp_path, kind=kind)
        found = pi.list_models(wait(), from_cache=True)
        pi.close(wait())

        assert found.selected == LARGE
        assert found.providers == ("stub", "other")
        assert starts(tmp_path) is is_started
    assert remembered_names(environment(tmp_path)) == ("other/x", "stub/large", "stub/small")


def test_without_the_cache_pi_is_asked(tmp_path: Path) -> None:
    for _ in range(2):
        pi = session(tmp_path)
        pi.list_models(wait())
        pi.close(wait())

        assert starts(tmp_path)


def test_other_credentials_settings_or_options_are_not_remembered(tmp_path: Path) -> None:
    def lists(**more: str) -> bool:
        pi = session(tmp_path, **more)
        pi.list_models(wait(), from_cache=True)
        pi.close(wait())
        return starts(tmp_path)

    assert lists()
    assert lists(SOME_API_KEY="1")
    assert lists(SOME_API_KEY="2")
    assert not lists(SOME_API_KEY="1", UNRELATED="x")
    (tmp_path / "agent" / "auth.json").write_text("{}", encoding="utf-8")
    assert lists()
    assert not lists()


def test_the_cache_keeps_no_credentials_and_survives_damage(tmp_path: Path) -> None:
    secret = "sk-0123456789abcdef"
    path = tmp_path / "state" / "pi-models.json"
    for damage in ("", "{", "[]", '{"x": 1}'):
        path.parent.mkdir(exist_ok=True)
        path.write_text(damage, encoding="utf-8")
        pi = session(tmp_path, SOME_API_KEY=secret)
        assert pi.list_models(wait(), from_cache=True).selected == LARGE
        pi.close(wait())

    assert secret not in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o077 == 0


def test_an_old_entry_is_not_used(tmp_path: Path) -> None:
    pi = session(tmp_path)
    pi.list_models(wait())
    path = tmp_path / "state" / "pi-models.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    aged = {key: {**each, "at": each["at"] - 25 * 3600} for key, each in entries.items()}
    path.write_text(json.dumps(aged), encoding="utf-8")
    pi.close(wait())
    starts(tmp_path)

    again = session(tmp_path)
    again.list_models(wait(), from_cache=True)
    again.close(wait())

    assert starts(tmp_path)


def test_a_pi_that_does_not_answer_is_ended_and_the_next_question_starts_another(
    tmp_path: Path,
) -> None:
    pi = session(tmp_path, "hang")
    for _ in range(2):
        with pytest.raises(ToolTimeout):
            pi.list_models(wait(3.0))
        assert starts(tmp_path)
    pi.close(wait())


def test_a_name_is_resolved_by_another_pi(tmp_path: Path) -> None:
    pi = session(tmp_path)

    assert pi.resolve_model(None, "larg", wait()) == LARGE
    assert pi.resolve_model("stub", "larg", wait()) == LARGE
    pi.close(wait())

    dying = session(tmp_path, "die")
    with pytest.raises(ToolFailed):
        dying.resolve_model(None, "larg", wait())
    dying.close(wait())
