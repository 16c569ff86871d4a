"""Checks of the machine and the programs; `checks_workspace` has the checks of a workspace.

Each check reads one thing and returns a finding. If it cannot finish it raises an error, which
`run_checks` turns into a finding.
"""

from __future__ import annotations

import shlex

from millracer.cancellation import Wait
from millracer.doctor.context import DoctorContext
from millracer.domain.doctor_report import CheckLevel, Finding
from millracer.domain.models import AgentModels

_OLDEST_PYTHON = (3, 11)
_FIRST_UNTESTED_PYTHON = (3, 14)
_TURN_SECONDS = 60.0
_TURN_PROMPT = "Answer with the one word ready, and use no tool."
_SHOWN_WORDS = 80

_LIST_MODELS = "millracer models"
#: How to sign in; the next command starts pi's own prompt.
_SIGN_IN = "sign in with /login at pi's prompt, or set the provider's API key in the environment"


def python(context: DoctorContext, _wait: Wait) -> Finding:
    """Check that this Python version is tested."""
    version = context.surroundings.python_version
    text = context.versions["python"] = ".".join(map(str, version))
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


def proc(context: DoctorContext, _wait: Wait) -> Finding:
    """Check that the system shows the processes, which delegated work needs."""
    context.surroundings.see_processes()
    return Finding(message="the system shows the processes here")


def sqlite(context: DoctorContext, _wait: Wait) -> Finding:
    """Check that this SQLite can hold a session store."""
    description = context.surroundings.open_new_store()
    context.versions["sqlite"] = description.removeprefix("SQLite ").partition(",")[0]
    return Finding(message=f"{description}; it can hold a session store")


def state_folder(context: DoctorContext, _wait: Wait) -> Finding:
    """Check that the state folder is private and writable."""
    folder = context.surroundings.inspect_state_folder()
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


def session_store(context: DoctorContext, wait: Wait) -> Finding:
    """Check that commands can use the session store."""
    found = context.store(wait).inspect()
    if found.corrupt is not None:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{found.corrupt}; the next command moves it aside and creates a new one",
            next_command="millracer sessions list",
        )
    if not found.exists:
        return Finding(message="there is none yet; the first command creates it")
    return Finding(message=f"workspaces: {found.workspaces}, sessions: {found.sessions}")


def configuration(context: DoctorContext, _wait: Wait) -> Finding:
    """Check that the configuration files can be read and have only allowed keys and values."""
    if context.user_config is not None:
        raise context.user_config
    if context.place is not None:
        context.here = context.options.for_workspace(context.root_path)
    files = context.config_files(context.root_path)
    return Finding(message=" and ".join(files) if files else "no configuration file")


def millrace(context: DoctorContext, wait: Wait) -> Finding:
    """Check that Millrace is installed in a supported version."""
    found = context.millrace()
    try:
        found.check_supported(wait)
    finally:
        if found.version is not None:
            context.versions["millrace"] = found.version
    return Finding(
        message=f"Millrace {found.version}, {found.commands.program}, "
        f"found by {context.tools.origin('millrace')}"
    )


def millrace_start(context: DoctorContext, wait: Wait) -> Finding:
    """Check that Millrace starts."""
    modes = context.millrace().list_modes(wait)
    return Finding(message=f"it starts, and knows {len(modes)} modes")


def pi(context: DoctorContext, wait: Wait) -> Finding:
    """Check that pi is installed in a supported version."""
    inspection = context.pi()
    version, warnings = inspection.find_version(wait)
    context.versions["pi"] = version
    message = f"pi {version}, {inspection.command}, found by {context.tools.origin('pi')}"
    if warnings:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{message}; {'; '.join(warning.text for warning in warnings)}",
        )
    return Finding(message=message)


def node(context: DoctorContext, wait: Wait) -> Finding:
    """Check that pi's Node is installed and new enough for this pi."""
    version = context.pi().find_node(wait)
    if version is None:
        return Finding(message="this pi needs no Node")
    context.versions["node"] = version
    return Finding(message=f"Node {version}")


def pi_start(context: DoctorContext, wait: Wait) -> Finding:
    """Check that pi starts."""
    context.models = context.pi().list_models(wait)
    return Finding(message="it starts and answers")


def pi_model(context: DoctorContext, _wait: Wait) -> Finding:
    """Check that pi has credentials for the model that a run would use."""
    models, inspection = context.models, context.pi()
    assert models is not None  # noqa: S101 - `pi_start` came before
    if not models.is_usable:
        return no_credentials(models, inspection.command)
    message = f"{models.selected}, one of {len(models.usable)} that pi has credentials for"
    if inspection.notices:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{message}; pi warns: {'; '.join(each.text for each in inspection.notices)}",
            next_command=_LIST_MODELS,
        )
    return Finding(message=message)


def no_credentials(models: AgentModels, command: str) -> Finding:
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
        next_command=_LIST_MODELS,
    )


def pi_turn(context: DoctorContext, wait: Wait) -> Finding:
    """Check that pi's model answers one short prompt."""
    limit = min(_TURN_SECONDS, context.here.options.pi_timeout_seconds)
    conversation = context.tools.pi(context.root_path, context.here.options)
    try:
        answer = conversation.ask(_TURN_PROMPT, wait.within(limit))
    finally:
        conversation.close(wait.cleaning_up(5.0))
    words = " ".join(answer.split())
    shown = words if len(words) <= _SHOWN_WORDS else f"{words[: _SHOWN_WORDS - 1]}…"
    return Finding(message=f"pi answered within its {limit:g} s: {shown}")
