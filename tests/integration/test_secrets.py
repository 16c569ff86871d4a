"""Keys that tools and callers let slip, looked for in everything the command lets out."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from millracer.redaction.rules import MARK
from tests.support.operator_cli import ENTER, OperatorCaller
from tests.support.ops_cli import OpsCaller, Printed, request
from tests.support.secret_texts import KEYS

_CHILDREN = Path(__file__).parents[1] / "children"
_VALUE = "tr0ub4dor-and-three"
_SHAPED = KEYS["anthropic"]
_SECRETS = {"LEAKED_API_KEY": _VALUE, "LEAKED_SHAPE": _SHAPED}

#: A command in which a function has a bug whose message contains its values.
_WITH_BUG = """
import os, sys
import {module}
def bug(*_, **__):
    raise RuntimeError("one " + os.environ["LEAKED_API_KEY"], os.environ["LEAKED_SHAPE"])
{module}.{name} = bug
sys.argv = ["millracer", *{arguments!r}]
from millracer.cli.main import main
main()
"""


@pytest.fixture
def tools() -> tuple[str, ...]:
    """Options by which pi and Millrace are those that print every secret."""
    return (
        *("--pi-command", shlex.join((sys.executable, str(_CHILDREN / "pi_leaking.py")))),
        *(
            "--millrace-command",
            shlex.join((sys.executable, str(_CHILDREN / "leaking_millrace.py"))),
        ),
    )


@pytest.fixture
def caller(tmp_path: Path, tools: tuple[str, ...]) -> OpsCaller:
    cwd = tmp_path / "cwd"
    (cwd / "millrace-agents").mkdir(parents=True)
    return OpsCaller(
        cwd=cwd, state=tmp_path / "state", options=tools, environment=_SECRETS, forks=True
    )


def _shown(printed: Printed) -> str:
    """Return all output, after searching it."""
    said = printed.stdout + printed.stderr
    _holds_no_secret(said)
    return said


def _holds_no_secret(said: str) -> None:
    assert _VALUE not in said
    assert _SHAPED not in said
    # A key is not printed in parts either.
    assert _VALUE[:12] not in said
    assert _SHAPED[-16:] not in said


@pytest.mark.parametrize("output", ["json", "text"])
@pytest.mark.parametrize(
    ("word", "code"), [("answer", 0), ("die", 8), ("refuse", 8)], ids=["answer", "stderr", "error"]
)
def test_what_pi_says(caller: OpsCaller, output: str, word: str, code: int) -> None:
    printed = caller.run(
        *("run", "--route", "direct", "--output", output, *caller.options, f"{word} please")
    )

    said = _shown(printed)
    assert printed.exit_code == code, said
    assert f"one {MARK} two {MARK} three" in said


def test_a_task_reaches_pi_as_it_was_given_and_comes_back_without_secrets(
    caller: OpsCaller,
) -> None:
    pi = shlex.join((sys.executable, str(_CHILDREN / "pi_told.py")))
    task = f"repeat {_VALUE} {_SHAPED}"

    printed = caller.run("run", "--route", "direct", "--pi-command", pi, task)
    hidden = caller.run("run", "--route", "direct", "--pi-command", pi, task, LEAKED_API_KEY="")

    assert f"repeat {MARK} {MARK}" in _shown(printed)
    assert f"repeat {_VALUE} {MARK}" in hidden.stdout


@pytest.mark.parametrize(
    ("given", "is_option"), [(f"--api-key {_VALUE}", True), (f"--api-key='{_VALUE}'", False)]
)
def test_a_key_in_the_command_that_starts_pi(
    caller: OpsCaller, tools: tuple[str, ...], given: str, *, is_option: bool
) -> None:
    command = f"{tools[1]} {given} --offline"
    said = ("--pi-command", command) if is_option else ()
    environment = {"LEAKED_API_KEY": "", "MILLRACER_PI_COMMAND": "" if is_option else command}

    run = caller.run("run", "--output", "json", *tools[2:], *said, "die", **environment)
    shown = caller.run("config", "show", *said, **environment)

    _holds_no_secret(run.stderr + run.stdout)
    assert run.document["tools"]["pi"]["command"] == command.replace(_VALUE, MARK)
    assert command.replace(_VALUE, MARK) in _shown(shown)


def test_millraces_words_about_a_delegated_task(caller: OpsCaller) -> None:
    printed = caller.run(
        *("run", "--route", "millrace", "--output", "json", *caller.options, "a task"),
    )

    assert f"one {MARK} two {MARK} three" in _shown(printed)
    assert printed.document["outcome"] == "failed"


def test_millraces_words_about_its_status(caller: OpsCaller) -> None:
    asked = request("status", workspace_ref={"root_path": str(caller.cwd)})

    one = caller.send(asked)
    line = caller.run("ops", "--jsonl", *caller.options, stdin=asked + b"\n")

    for printed in (one, line):
        assert f"one {MARK} two {MARK} three" in _shown(printed)
        assert printed.document["status"] == "failed"


def test_a_password_that_is_a_common_word_changes_no_code_of_millracer(caller: OpsCaller) -> None:
    asked = request("status", workspace_ref={"root_path": str(caller.cwd)})

    printed = caller.run("ops", "--json", *caller.options, stdin=asked, DB_PASSWORD="millrace")

    assert printed.error_codes == ["millrace_failed"]
    assert "millrace" not in printed.document["errors"][0]["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"action": _VALUE},
        {"action": _SHAPED},
        {"request_id": _VALUE},
        {"schema_version": _VALUE, "request_id": _SHAPED},
        {"schema_version": _SHAPED},
        {_VALUE: 1, _SHAPED: 2},
        {"workspace_ref": {"root_path": f"/nowhere/{_VALUE}"}},
        {"workspace_ref": {"workspace_id": _SHAPED}},
        {"options": {"finalizer": _VALUE}},
        {"scoped_work_item": {"item_id": _VALUE, "title": _SHAPED}},
    ],
    ids=lambda changed: "-".join(changed)[:30],
)
def test_what_a_bad_request_said(caller: OpsCaller, changed: dict[str, Any]) -> None:
    asked = json.loads(request("status", workspace_ref={"root_path": "/nowhere"})) | changed
    line = json.dumps(asked).encode() + b"\n"

    for printed in (caller.send(line), caller.run("ops", "--jsonl", *caller.options, stdin=line)):
        _shown(printed)
        assert printed.document["status"] == "failed"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--output", "json", f"--{_VALUE}"),
        ("run", "--output", "json", "--route", _SHAPED, "task"),
        ("run", "--output", "json", "--workspace", f"/nowhere/{_VALUE}", "task"),
        ("ops", "--json", f"--{_SHAPED}"),
        ("sessions", "show", _VALUE),
        ("workspaces", "remove", _SHAPED),
        (_VALUE,),
    ],
    ids=lambda arguments: arguments[0][:10],
)
def test_what_a_wrong_command_line_said(caller: OpsCaller, arguments: tuple[str, ...]) -> None:
    assert MARK in _shown(caller.run(*arguments))


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("millracer.operations.task", "run_task", ("run", "--output", "json", "task")),
        ("millracer.operations.task", "run_task", ("run", "task", "--debug")),
        ("millracer.operations.task", "run_task", ("--debug", "run", "task")),
        ("millracer.operations.status", "report_status", ("ops", "--json")),
        ("millracer.operations.status", "report_status", ("ops", "--jsonl")),
        ("millracer.cli.commands.ops.jsonl_server", "read_ops_request", ("ops", "--jsonl")),
        ("millracer.cli.app", "invoke", ("run", "task")),
        ("millracer.cli.options.common", "named_programs", ("run", "--output", "json", "t")),
        ("millracer.cli.commands.config", "_result", ("config", "show", "--json")),
        ("millracer.cli.operator.command", "_lines", ("operator",)),
    ],
    ids=[
        "run",
        "debug behind",
        "debug before",
        "ops",
        "jsonl",
        "jsonl-reading",
        "nobody-catches",
        "before a run",
        "own document",
        "operator",
    ],
)
def test_the_document_of_a_bug(
    caller: OpsCaller, module: str, name: str, arguments: tuple[str, ...]
) -> None:
    in_full = "--debug" in arguments
    asked = request("status", workspace_ref={"root_path": str(caller.cwd)}) + b"\n"
    ran = subprocess.run(
        (sys.executable, "-c", _WITH_BUG.format(module=module, name=name, arguments=arguments)),
        input=asked,
        cwd=caller.cwd,
        env={**os.environ, **_SECRETS, "MILLRACER_STATE_DIR": str(caller.state)},
        capture_output=True,
        timeout=60,
        check=False,
    )

    printed = Printed(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
    said = _shown(printed)
    if not {"--json", "json"}.isdisjoint(arguments):
        assert (printed.exit_code, printed.error_codes) == (1, ["internal_error"])
    log = caller.state / "logs" / "millracer.log"
    kept = log.read_text()
    assert (_VALUE in kept, _SHAPED in kept) == (False, False)
    assert f"('one {MARK}', '{MARK}')" in kept
    assert f"('one {MARK}', '{MARK}')" in said
    assert "Traceback (most recent call last)" in kept
    assert ("Traceback (most recent call last)" in ran.stderr.decode()) is in_full
    assert str(log) in ran.stderr.decode().rpartition("next: ")[2]


def test_what_callers_call_things_in_the_store(caller: OpsCaller) -> None:
    caller.ask(
        "register_workspace",
        request_id=f"request {_VALUE}",
        source={"kind": "test", "client_name": f"client {_SHAPED}"},
        metadata={"session_id": "here"},
        input={
            "payload": {
                "workspace_id": "one",
                "root_path": str(caller.cwd),
                "display_name": f"name {_VALUE}",
                "default_mode": _SHAPED,
                "tags": [_VALUE, f"tag {_SHAPED}", "harmless"],
            }
        },
    )
    caller.ask("select_workspace", input={"payload": {"workspace_id": "one", "mode": _VALUE}})
    caller.ask("list_sessions", request_id=_SHAPED, metadata={"session_id": "here"})

    kept = b"".join(path.read_bytes() for path in caller.state.rglob("*") if path.is_file())
    _holds_no_secret(kept.decode("latin-1"))
    assert b"harmless" in kept
    assert f"request {MARK}" in _shown(caller.run("sessions", "show", "here"))


@pytest.mark.parametrize("action", ["register_workspace", "select_workspace"])
def test_a_path_with_a_secret_is_not_remembered(caller: OpsCaller, action: str) -> None:
    place = caller.cwd / f"of-{_VALUE}"
    place.mkdir()
    payload = {"root_path": str(place)}
    if action == "register_workspace":
        payload["workspace_id"] = "one"

    printed = caller.ask(action, input={"payload": payload})

    _shown(printed)
    assert printed.error_codes == ["session_store_unavailable"]
    assert "keeps no secrets" in printed.document["errors"][0]["message"]


def test_ids_with_secrets_are_not_remembered_for_they_would_be_one(caller: OpsCaller) -> None:
    place = {"workspace_id": f"of-{_VALUE}", "root_path": str(caller.cwd)}
    of_secret = {"session_id": f"of {_VALUE}"}

    registered = caller.ask("register_workspace", input={"payload": place})
    selected = caller.ask(
        "select_workspace",
        metadata=of_secret,
        input={"payload": {"root_path": str(caller.cwd)}},
    )
    listed = caller.ask("list_sessions", metadata=of_secret)

    for printed in (registered, selected):
        _shown(printed)
        assert printed.error_codes == ["session_store_unavailable"]
        assert " id" in printed.document["errors"][0]["message"]
    assert [each["code"] for each in listed.document["warnings"]] == ["session_store_unavailable"]


def test_what_the_operator_says_in_a_pipe(caller: OpsCaller, tools: tuple[str, ...]) -> None:
    lines = f"answer\ndie {_VALUE}\n/history\n/last\n/last json\n/{_VALUE}\n/workspace /{_SHAPED}\n"

    said = _shown(caller.run("operator", "--route", "direct", *tools, stdin=lines.encode()))

    assert f"one {MARK} two {MARK} three" in said
    assert f"/{MARK}" in said


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_what_the_operator_says_on_a_terminal(
    caller: OpsCaller, tools: tuple[str, ...], term: str
) -> None:
    operator = OperatorCaller(
        cwd=caller.cwd,
        state=caller.state,
        options=("--route", "direct", *tools),
        environment=_SECRETS,
    )
    with operator.terminal(TERM=term) as terminal:
        terminal.prompts()
        terminal.type("answer" + ENTER)
        said = terminal.says("three .redacted.", "pi did it directly")
        terminal.prompts()
        terminal.leave()

    _holds_no_secret(said)
    assert f"one {MARK} two {MARK} three" in said


def test_what_was_typed_is_kept_without_secrets(caller: OpsCaller, tools: tuple[str, ...]) -> None:
    operator = OperatorCaller(
        cwd=caller.cwd,
        state=caller.state,
        options=("--route", "direct", *tools),
        environment=_SECRETS,
    )
    with operator.terminal() as terminal:
        terminal.prompts()
        terminal.enter(f"answer with {_VALUE} and {_SHAPED}", "pi did it directly")
        terminal.leave()

    kept = (caller.state / "operator_history").read_text(encoding="utf-8")
    _holds_no_secret(kept)
    assert f"answer with {MARK} and {MARK}" in kept


def test_an_answer_cannot_steer_the_terminal_it_is_printed_on(caller: OpsCaller) -> None:
    pi = shlex.join((sys.executable, str(_CHILDREN / "pi_told.py")))
    arguments = ["-m", "millracer", "run", "--route", "direct", "--pi-command", pi, "hostile"]

    on_terminal, _ = pexpect.run(
        shlex.join([sys.executable, *arguments]), withexitstatus=True, cwd=str(caller.cwd)
    )
    in_pipe = caller.run(*arguments[2:])

    assert "\N{REPLACEMENT CHARACTER}[31mred".encode() in on_terminal
    assert b"\x1b[31m" not in on_terminal
    assert b"\x07" not in on_terminal
    assert in_pipe.stdout == "\x1b[31mred\x1b[0m \x07bell \x9b2J end\n"


def test_json_stays_json(caller: OpsCaller) -> None:
    printed = caller.run(
        *("run", "--route", "direct", "--output", "json", *caller.options, "answer"),
        SOME_TOKEN="completed",
        FOURTH_TOKEN="millracer.run",
        OTHER_TOKEN="schema_version",
        THIRD_KEY='", "outcome": "',
    )

    document = printed.document
    assert (document["outcome"], document["schema_version"]) == ("completed", "millracer.run.v1")
    assert json.dumps(document, indent=2) + "\n" == printed.stdout
