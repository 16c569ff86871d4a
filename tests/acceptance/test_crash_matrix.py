"""Killed anywhere, run again: nothing lost, done twice, or left behind; on the real tools.

`make test` holds one death of each kind, `make acceptance` a sample, `make crash-matrix` all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash import controls
from tests.crash.aftermath import documents
from tests.crash.controls import CONTROLS, Control
from tests.crash.matrix import SITUATIONS, boundaries, deaths_of, deaths_of_others, unreached
from tests.crash.play import Death, NeverReached, Victim, play, record
from tests.crash.scene import BRIEF, NAMED, SLOW, UNNAMED, Model, Situation, Theatre, open_theatre
from tests.support.operator_cli import OperatorCaller
from tests.support.scenario import Scenario, Step

_SAMPLE = 7
_SAMPLE_SECONDS = 900


@pytest.fixture
def theatre(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> Iterator[tuple[Theatre, Model]]:
    """Return where deaths are played."""
    with open_theatre(tmp_path, millrace=millrace_command, pi=pi_command) as opened:
        yield opened


REPRESENTATIVES = (
    Death(
        situation=BRIEF,
        victim=Victim.MILLRACER,
        point="intake: replace .millracer/intake/mend-the-widget-*.task.md",
    ),
    Death(
        situation=BRIEF,
        victim=Victim.HOLDER,
        point="enqueue: millrace queue add-task begun",
    ),
    Death(
        situation=UNNAMED,
        victim=Victim.MILLRACER,
        point="enqueue: millrace queue add-task unheard",
    ),
    Death(
        situation=BRIEF,
        victim=Victim.MILLRACER,
        point="monitor: millrace run daemon begun",
    ),
    Death(
        situation=BRIEF,
        victim=Victim.MILLRACER,
        point="monitor: log stage.started after",
    ),
    Death(
        situation=BRIEF,
        victim=Victim.MILLRACER,
        point="finalize: log result after",
    ),
    Death(
        situation=BRIEF,
        victim=Victim.WARM,
        point="enqueue: millrace queue add-task begun",
    ),
    Death(
        situation=replace(SLOW, scenario=Scenario({"builder": (Step(seconds=30), Step())})),
        victim=Victim.EVERYTHING,
        point="stage builder",
        reuses_pid=True,
    ),
)


@pytest.mark.parametrize("death", REPRESENTATIVES, ids=str)
@pytest.mark.ending
def test_nothing_is_lost_done_twice_or_left_behind(
    theatre: tuple[Theatre, Model], death: Death
) -> None:
    aftermath = play(*theatre, death)

    assert not aftermath.wrong, str(aftermath)


@pytest.mark.slow
def test_an_unnamed_interrupted_item_is_listed_to_the_operator(
    theatre: tuple[Theatre, Model],
) -> None:
    scene = theatre[0].scene(UNNAMED)
    scene.start("first", armed="enqueue: millrace queue add-task unheard").end()
    (item,) = documents(scene.workspace)

    operator = OperatorCaller(
        cwd=scene.workspace.root,
        state=scene.folder / "state",
        options=("--millrace-command", scene.millrace, "--pi-command", scene.pi),
    )
    said = operator.pipe("/watch\n", "--workspace", str(scene.workspace.root))

    assert said.exit_code == 0, said.stderr
    assert item in said.stdout + said.stderr


@pytest.mark.slow
def test_a_point_that_is_never_reached_fails(theatre: tuple[Theatre, Model]) -> None:
    nowhere = Death(situation=BRIEF, victim=Victim.MILLRACER, point="enqueue: dance before")

    with pytest.raises(NeverReached, match="dance"):
        play(*theatre, nowhere)


def test_dying_at_one_of_several_points_between_which_nothing_is_done_is_one_death() -> None:
    points = (
        *("decide: entered", "decide: millrace queue show before"),
        *("decide: millrace queue show begun", "decide: millrace queue show unheard"),
        *("decide: millrace queue show after", "beside: start the fork server after"),
        *("intake: entered", "intake: make .millracer", "intake: make .millracer/locks"),
    )

    assert boundaries(points) == [
        points[:2],
        points[2:3],
        points[3:5],
        points[5:6],
        points[6:8],
        points[8:],
    ]


@pytest.mark.slow
@pytest.mark.timeout(_SAMPLE_SECONDS)
def test_every_point_the_code_has_is_passed_by_some_situation(
    theatre: tuple[Theatre, Model],
) -> None:
    recorded = {situation: record(theatre[0], situation) for situation in SITUATIONS}
    given = [controls.record(theatre[0], control) for control in CONTROLS]

    assert unreached(recorded, given) == set()


@pytest.mark.slow
@pytest.mark.timeout(_SAMPLE_SECONDS)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_sample_of_the_commands_deaths(
    theatre: tuple[Theatre, Model], situation: Situation
) -> None:
    deaths = deaths_of(situation, record(theatre[0], situation))

    assert deaths
    assert_harmless(theatre, deaths[1::_SAMPLE])


@pytest.mark.slow
@pytest.mark.timeout(_SAMPLE_SECONDS)
def test_a_sample_of_other_programs_deaths(theatre: tuple[Theatre, Model]) -> None:
    deaths = deaths_of_others(record(theatre[0], NAMED))

    assert deaths
    assert_harmless(theatre, deaths[::_SAMPLE])


@pytest.mark.slow
@pytest.mark.timeout(_SAMPLE_SECONDS)
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_killed_command_about_the_queue_does_its_work_when_it_is_given_again(
    theatre: tuple[Theatre, Model], control: Control
) -> None:
    deaths = controls.deaths_of(controls.record(theatre[0], control))

    assert deaths
    assert [controls.play(theatre[0], control, point) for point in deaths] == [()] * len(deaths)


def assert_harmless(theatre: tuple[Theatre, Model], deaths: Sequence[Death]) -> None:
    """Play them all and report what is wrong with each."""
    played = [play(*theatre, death) for death in deaths]

    assert not any(each.wrong for each in played), "\n".join(
        str(each) for each in played if each.wrong
    )
