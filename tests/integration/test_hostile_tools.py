"""Tools on PATH that answer anything but what they should: each command has its one document."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.support.ops_cli import OpsCaller, request

_CHILDREN = Path(__file__).parents[1] / "children"
_READABLE = frozenset(
    {
        *("good", "same key twice", "escape codes", "ten megabytes"),
        *("huge float within", "NaN within", "infinity within", "of the same, spelled otherwise"),
    }
)
_UNREADABLE = (
    *("nothing", "truncated", "a list", "a text", "words", "no UTF-8", "wrong types"),
    *("text for number", "nulls", "deep", "deep within", "NaN", "two documents", "huge number"),
    *("huge number within", "surrogate", "of another", "of none", "of a lookalike", "of no path"),
    "of another schema",
)


def _command(name: str) -> str:
    return shlex.join((sys.executable, str(_CHILDREN / name)))


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    cwd = tmp_path / "cwd"
    (cwd / "millrace-agents").mkdir(parents=True)
    return OpsCaller(
        cwd=cwd,
        state=tmp_path / "state",
        options=(
            *("--millrace-command", _command("hostile_millrace.py")),
            *("--pi-command", _command("pi_flooding.py")),
        ),
        forks=True,
    )


@pytest.mark.parametrize("answer", sorted(_READABLE))
def test_a_status_that_is_odd_but_readable_is_passed_on_as_json(
    caller: OpsCaller, answer: str
) -> None:
    asked = request("status", workspace_ref={"root_path": str(caller.cwd)})

    printed = caller.run("ops", "--json", *caller.options, stdin=asked, HOSTILE_STATUS=answer)

    document = printed.document
    assert (document["status"], printed.exit_code) == ("succeeded", 0), printed.stderr
    assert printed.stdout.isascii()
    assert "\x1b" not in printed.stdout + printed.stderr
    assert json.dumps(document, allow_nan=False, indent=2) + "\n" == printed.stdout


@pytest.mark.parametrize("answer", _UNREADABLE)
def test_a_status_that_is_none_is_an_error_of_millrace(caller: OpsCaller, answer: str) -> None:
    asked = request("status", workspace_ref={"root_path": str(caller.cwd)})

    printed = caller.run("ops", "--json", *caller.options, stdin=asked, HOSTILE_STATUS=answer)

    assert printed.document["status"] == "failed"
    assert printed.error_codes == ["millrace_protocol_error"], printed.stdout[:2000]
    assert len(printed.stdout) < 20_000
    assert "Traceback" not in printed.stderr


@pytest.mark.parametrize(
    ("session", "how"),
    [
        *(("print", how) for how in ("garbage", "endless", "deep", "one-line")),
        *((session, how) for session in ("print", "rpc") for how in ("ends", "nothing")),
        *(  # the start of a conversation is given more than its turns
            pytest.param("rpc", how, marks=pytest.mark.slow)
            for how in ("garbage", "endless", "deep", "one-line")
        ),
    ],
)
def test_a_pi_that_floods_or_never_ends_fails_the_run_in_its_time(
    caller: OpsCaller, session: str, how: str
) -> None:
    printed = caller.run(
        *("run", "--route", "direct", "--output", "json", "--pi-session", session),
        *("--pi-timeout-seconds", "3", *caller.options, "a task"),
        HOSTILE_PI=how,
    )

    document = printed.document
    if (session, how) == ("print", "ends"):  # a text other than UTF-8 is not an answer either
        assert printed.error_codes == ["pi_protocol_error"]
    assert (document["outcome"], document["scoped_completion"]) != ("completed", True)
    assert document["outcome"] in {"failed", "timed_out"}
    assert len(printed.stdout) < 100_000
    assert "\x1b" not in printed.stdout + printed.stderr
