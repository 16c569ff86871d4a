"""`millracer ops --json` without any other option: nothing to parse, so no parser is loaded.

Programs call it once per request, and the parser costs more time than most answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from millracer.cli.startup.prewarm import Prewarm
from millracer.domain.programs import VARIABLE_PREFIX
from millracer.errors import ConfigInvalid, UsageError

_PLAIN = ("ops", "--json")


def is_plain_ops(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a command line is `ops --json` alone, and no variable sets an option."""
    return tuple(arguments) == _PLAIN and not any(
        VARIABLE_PREFIX in name
        for name in environment  # `_MILLRACER_COMPLETE` completes instead
    )


def plain_ops(begun: Prewarm) -> int:
    """Answer the request on standard input and return the exit code."""
    from millracer.cli.commands.ops.one_request import answer_one  # noqa: PLC0415 - only here
    from millracer.cli.options.common import common_options  # noqa: PLC0415 - the same

    try:
        return answer_one(common_options(begun, {}))
    except (ConfigInvalid, UsageError) as error:
        from millracer.cli.command import report_failure  # noqa: PLC0415 - rarely needed

        return report_failure(_PLAIN, error)
