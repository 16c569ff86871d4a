"""Checks of the machine and the programs; `checks_workspace` has the checks of a workspace.

Each check reads one thing and returns a finding. If it cannot finish it raises an error, which
`run_checks` turns into a finding.
"""

from __future__ import annotations

import shlex

from millracer.cancellation import Wait
from millracer.doctor.context import Sight
from millracer.domain.doctor_report import CheckLevel, Finding, PiModels

_OLDEST_PYTHON = (3, 11)
_FIRST_UNTESTED_PYTHON = (3, 14)
_TURN_SECONDS = 60.0
_TURN_PROMPT = "Answer with the one word ready, and use no tool."
_SHOWN_WORDS = 80

#: How to sign in; the next command starts pi's own prompt.
_SIGN_IN = "sign in with /login at pi's prompt, or set the provider's API key in the environment"


def python(sight: Sight, _wait: Wait) -> Finding:
    """Check that this Python version is tested."""
    version = sight.surroundings.python_version
    text = sight.versions["python"] = ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        return Finding(
            level=CheckLevel.FAIL,
            message=f"Python {text} is older than 3.11, the oldest that Millracer supports",
            next_command="pipx install --python python3.13 .",
        )
    if version >= _FIRST_UNTESTED_PYTHON:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"Python {text} is newer than 3.13, the newest that is tested",
            next_command="pipx install --python python3.13 .",
        )
    return Finding(message=f"Python {text}")


def proc(sight: Sight, _wait: Wait) -> Finding:
    """Check that `/proc` shows the processes, which delegated work needs."""
    sight.surroundings.see_processes()
    return Finding(message="/proc shows the processes here")


def sqlite(sight: Sight, _wait: Wait) -> Finding:
    """Check that this SQLite can hold a session store."""
    description = sight.surroundings.open_new_store()
    sight.versions["sqlite"] = description.removeprefix("SQLite ").partition(",")[0]
    return Finding(message=f"{description}; it can hold a session store")


def state_folder(sight: Sight, _wait: Wait) -> Finding:
    """Check that the state folder is private and writable."""
    folder = sight.surroundings.look_at_state_folder()
    if folder.path is None:
        return Finding(
            level=CheckLevel.FAIL,
            message="there is no home to keep the state folder in",
            next_command="export MILLRACER_STATE_DIR=/a/folder/of/yours",
        )
    quoted = shlex.quote(folder.path)
    if not folder.is_folder:
        return Finding(
            level=CheckLevel.FAIL,
            message=f"{folder.path} is not a folder",
            next_command=f"mv {quoted} {quoted}.old",
        )
    if not folder.writable:
        is_there = "cannot be written" if folder.exists else "is not there and cannot be made"
        return Finding(
            level=CheckLevel.FAIL,
            message=f"{folder.path} {is_there}; nothing can be remembered",
            next_command=f"chmod u+rwx {quoted}"
            if folder.exists
            else "export MILLRACER_STATE_DIR=/a/folder/of/yours",
        )
    if not folder.exists:
        return Finding(message=f"{folder.path} is not there yet; the first command makes it")
    if folder.shared:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"others may write in {folder.path}, and so replace what is in it",
            next_command=f"chmod go-w {quoted}",
        )
    return Finding(message=folder.path)


def session_store(sight: Sight, wait: Wait) -> Finding:
    """Check that commands can use the session store."""
    found = sight.store(wait).look()
    if found.corrupt is not None:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{found.corrupt}; the next command moves it aside and creates a new one",
            next_command="millracer sessions list",
        )
    if not found.exists:
        return Finding(message="there is none yet; the first command creates it")
    return Finding(message=f"workspaces: {found.workspaces}, sessions: {found.sessions}")


def configuration(sight: Sight, _wait: Wait) -> Finding:
    """Check that the configuration files can be read and have only allowed keys and values."""
    if sight.user_config is not None:
        raise sight.user_config
    if sight.place is not None:
        sight.here = sight.options.for_workspace(sight.root_path)
    files = sight.config_files(sight.root_path)
    return Finding(message=" and ".join(files) if files else "no configuration file")


def millrace(sight: Sight, wait: Wait) -> Finding:
    """Check that Millrace is installed in a supported version."""
    found = sight.millrace()
    version = sight.versions["millrace"] = found.check_supported(wait)
    return Finding(
        message=f"Millrace {version}, {found.commands.program}, "
        f"found by {sight.tools.origin('millrace')}"
    )


def millrace_start(sight: Sight, wait: Wait) -> Finding:
    """Check that Millrace starts."""
    modes = sight.millrace().list_modes(wait)
    return Finding(message=f"it starts, and knows {len(modes)} modes")


def pi(sight: Sight, wait: Wait) -> Finding:
    """Check that pi is installed in a supported version."""
    look = sight.pi()
    version, warnings = look.find_version(wait)
    sight.versions["pi"] = version
    message = f"pi {version}, {look.command}, found by {sight.tools.origin('pi')}"
    if warnings:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{message}; {'; '.join(warning.text for warning in warnings)}",
            next_command="millracer setup",
        )
    return Finding(message=message)


def node(sight: Sight, wait: Wait) -> Finding:
    """Check that pi's Node is installed and new enough for this pi."""
    version = sight.pi().find_node(wait)
    if version is None:
        return Finding(message="this pi needs no Node")
    sight.versions["node"] = version
    return Finding(message=f"Node {version}")


def pi_start(sight: Sight, wait: Wait) -> Finding:
    """Check that pi starts."""
    sight.models = sight.pi().list_models(wait)
    return Finding(message="it starts and answers")


def pi_model(sight: Sight, _wait: Wait) -> Finding:
    """Check that pi has credentials for the model that a run would use."""
    models, look = sight.models, sight.pi()
    assert models is not None  # noqa: S101 - `pi_start` came before
    if not models.is_usable:
        return no_credentials(models, look.command)
    message = f"{models.selected}, one of {models.count} that pi has credentials for"
    if look.notices:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{message}; pi warns: {'; '.join(each.text for each in look.notices)}",
            next_command=f"{look.command} --list-models",
        )
    return Finding(message=message)


def no_credentials(models: PiModels, command: str) -> Finding:
    """Return the finding that pi has no credentials for its selected model, with a next step."""
    if models.selected is None:
        return Finding(
            level=CheckLevel.FAIL,
            message=f"pi has no credentials for any model: {_SIGN_IN}",
            next_command=command,
        )
    message = f"pi has no credentials for {models.selected.provider}, whose model it would use"
    if not models.providers:
        return Finding(
            level=CheckLevel.FAIL, message=f"{message}: {_SIGN_IN}", next_command=command
        )
    return Finding(
        level=CheckLevel.FAIL,
        message=f"{message} ({models.selected}); it has them for {', '.join(models.providers)}: "
        "choose one of their models, or sign in",
        next_command=f"{command} --list-models",
    )


def pi_turn(sight: Sight, wait: Wait) -> Finding:
    """Check that pi's model answers one short prompt."""
    limit = min(_TURN_SECONDS, sight.here.options.pi_timeout_seconds)
    conversation = sight.tools.pi(sight.root_path, sight.here.options)
    try:
        answer = conversation.ask(_TURN_PROMPT, wait.within(limit))
    finally:
        conversation.close(wait.cleaning_up(5.0))
    words = " ".join(answer.split())
    shown = words if len(words) <= _SHOWN_WORDS else f"{words[: _SHOWN_WORDS - 1]}…"
    return Finding(message=f"pi answered within its {limit:g} s: {shown}")
