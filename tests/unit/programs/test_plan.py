"""Which parts are installed: those that are not there whole, and Node only for a pi without one."""

from __future__ import annotations

import pytest

from millracer.programs.plan import MEGABYTES, Found, Part, is_new_enough, plan_setup

_MILLRACE, _NODE, _PI = ({part: part.version} for part in Part)
_OLD_NODE = {Part.NODE: "24.1.0"}
_ALL = (Part.MILLRACE, Part.NODE, Part.PI)


@pytest.mark.parametrize(
    ("whole", "machine_node", "install", "keep"),
    [
        ({}, None, _ALL, set()),
        ({}, "/bin/node", (Part.MILLRACE, Part.PI), set()),
        (_MILLRACE, None, (Part.NODE, Part.PI), {Part.MILLRACE}),
        ({Part.MILLRACE: "0.20.3"}, "/bin/node", (Part.MILLRACE, Part.PI), set()),
        (_NODE, None, (Part.MILLRACE, Part.PI), {Part.NODE}),
        (_OLD_NODE, None, _ALL, set()),
        (_MILLRACE | _NODE, "/bin/node", (Part.PI,), {Part.MILLRACE}),
        (_MILLRACE | _PI, None, (), {Part.MILLRACE, Part.PI}),
        (_PI | _OLD_NODE, None, (Part.MILLRACE,), {Part.PI, Part.NODE}),
        (_MILLRACE | _NODE | {Part.PI: "0.72.0"}, None, (Part.PI,), {Part.MILLRACE, Part.NODE}),
    ],
)
def test_what_is_missing_is_installed_in_order(
    whole: dict[Part, str],
    machine_node: str | None,
    install: tuple[Part, ...],
    keep: set[Part],
) -> None:
    plan = plan_setup(Found(whole=whole, machine_node=machine_node))

    assert (plan.install, plan.keep) == (install, keep)
    assert plan.machine_node == (None if Part.PI in keep else machine_node)


def test_a_plan_adds_up_the_size_of_what_is_missing() -> None:
    assert plan_setup(Found(whole={})).megabytes == sum(MEGABYTES.values())
    assert plan_setup(Found(whole=_MILLRACE | _NODE)).megabytes == MEGABYTES[Part.PI]
    assert plan_setup(Found(whole=_MILLRACE | _PI)).megabytes == 0


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [
        ("v22.19.0", True),
        ("v22.18.9", False),
        ("v22.100.1", True),
        ("v23.0.0\n", True),
        ("v9.9.9", False),
        ("22.19", True),
        ("v22.19\n", True),
        ("v22.19.x", True),
        ("v20.x.0", False),
        (f"v{'9' * 9}.0.0", True),
        (f"v{'9' * 10}.0.0", False),
        ("", False),
        ("v", False),
        ("vx.y", False),
        (f"v{10**10}.1", False),
    ],
)
def test_a_node_is_judged_by_its_first_two_numbers(version: str, *, is_enough: bool) -> None:
    assert is_new_enough(version) is is_enough
