"""Table of all commands: implementation, help text and JSON documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from millracer.cli import documents
from millracer.cli.documents import Document
from millracer.domain.operations import OPERATIONS, OperationName

_EXIT_CODES = (
    "Exit codes: 0 completed, 1 internal error, 2 invalid use or request, 3 incomplete, "
    "4 blocked, 5 restart needed, 6 crashed, 7 timed out, 8 failed (a needed tool is missing, "
    "incompatible or failed, or the result could not be written), 9 budget exhausted, 130 or 143 "
    "cancelled."
)
_OPS_EXIT_CODES = (
    "Exit codes: 0 succeeded, blocked or incomplete, 1 failed, 2 invalid use or request, "
    "7 timed out, 8 the result could not be written, 130 or 143 cancelled; "
    "with --jsonl 0 at the end of standard input."
)
_SETUP_EXIT_CODES = (
    "Exit codes: 0 installed or removed, 2 invalid use, 3 declined, nothing was changed, "
    "8 an installer failed, 130 or 143 cancelled."
)
_DOCTOR_EXIT_CODES = (
    "Exit codes: 0 no check failed, 1 a check failed, 2 invalid use, 8 the result could not be "
    "written, 130 or 143 cancelled."
)
_SERVE_EXIT_CODES = (
    "Exit codes: 0 the link of a running server was printed, 2 invalid use, 8 the port is in use, "
    "a library is missing, or --link found no server, 130 or 143 stopped."
)
_MCP_EXIT_CODES = (
    "Exit codes: 0 standard input ended, 2 invalid use, 8 a library is missing, 130 or 143 stopped."
)
_VERIFY_EXIT_CODES = (
    "Exit codes: 0 verified, 1 internal error, 2 invalid use or no usable key, 3 unverified, "
    "4 contradicted, 8 a library is missing, 130 or 143 cancelled."
)

_FLEET_EXIT_CODES = (
    "Exit codes: 0 done, 2 invalid use or request, 8 the database cannot be reached or used, or "
    "a library is missing, 130 or 143 cancelled."
)
_FLEET_WORKER_EXIT_CODES = (
    "Exit codes: 0 stopped, or nothing is left to do, 2 the host's name or a workspace belongs to "
    "another worker, or invalid use, 8 another worker took the host's name over, a library is "
    "missing, or a workspace cannot be used."
)
_FLEET_DOCTOR_EXIT_CODES = (
    "Exit codes: 0 no check failed, 2 invalid use, 8 a check failed, or a library is missing, "
    "130 or 143 cancelled."
)

_EXAMPLES = {
    OperationName.RUN: (
        'millracer run "Fix the failing tests"',
        'millracer run -w path/to/workspace --request-id ticket-12 -o json "Fix the header"',
        "millracer run --route millrace --intake task < task.md",
    ),
    OperationName.CERTIFY: ("millracer certify ticket-12 --check 'pytest -q' -o cert.dsse.json",),
    OperationName.FLEET_SUBMIT: (
        'millracer fleet submit shop "Fix the failing tests"',
        'millracer fleet submit shop --key ticket-12 --wait "Fix the header"',
        "millracer fleet submit --label python < task.md",
    ),
    OperationName.FLEET_LIST: ("millracer fleet ps", "millracer fleet ps --all --watch"),
    OperationName.FLEET_PRUNE: ("millracer fleet prune --older-than 30d",),
}
#: Documents that a command prints only with a certain option.
_PARTICULAR = {
    OperationName.RUN: (documents.stream_of(OperationName.RUN),),
    OperationName.WATCH: (
        documents.WATCH_ALL_STREAM,
        documents.WATCH_ALL,
        documents.stream_of(OperationName.WATCH),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command, or a group of commands, as its group lists it.

    Attributes:
        target: "module:function" of a command; empty for a group.
        help: the first sentence of a command's help, or the help of a group.
        examples: command lines that the help shows first.
        epilog: text below the options in the help.
        documents: the JSON documents it can print; the first one that is requested counts. A
            command of a group without its own has those of the group.
        commands: the entries of a group.
        default: the command of a group that is called without one; empty: the help.
    """

    target: str = ""
    help: str
    epilog: str | None = None
    examples: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    commands: Mapping[str, Entry] = field(default_factory=dict)
    default: str = ""


_COMMANDS = "millracer.cli.commands"
_SESSIONS = f"{_COMMANDS}.sessions"
_FLEET = f"{_COMMANDS}.fleet"


def _command_of(name: OperationName) -> Entry:
    operation = OPERATIONS[name]
    return Entry(
        target=operation.command or f"{_COMMANDS}.{name}:{name}",
        help=operation.help,
        epilog=_EXIT_CODES,
        examples=_EXAMPLES.get(name, ()),
        documents=(*_PARTICULAR.get(name, ()), documents.document_of(name)),
    )


def _commands_in(*group: str) -> dict[str, Entry]:
    """Return the operations' commands in a group."""
    return {
        each.words[-1]: _command_of(name)
        for name, each in OPERATIONS.items()
        if each.words[:-1] == group and each.words
    }


_SCHEDULE_COMMANDS = {
    "list": ("list_schedules", "List the schedules of the fleet."),
    "add": ("add", "Submit a task at times; a schedule of the same name is replaced."),
    "pause": ("pause", "Submit the task of a schedule no more until it is resumed."),
    "resume": ("resume", "End the pause of a schedule; missed times are not made up."),
    "run": ("run", "Submit the task of a schedule now and print the work item's id."),
    "remove": ("remove", "Remove a schedule; items that it submitted stay."),
}

_SCHEDULE_EXAMPLES = {
    "add": ('millracer fleet schedule add nightly shop "0 2 * * 1-5" "Update the dependencies"',),
}

_OPERATOR = Entry(
    target=f"{_COMMANDS}.operator:operator",
    help="Start an interactive prompt that runs one task after another.",
)

COMMANDS: Mapping[str, Entry] = {
    "run": _command_of(OperationName.RUN),
    "operator": _OPERATOR,
    **{
        name: _command_of(name) for name, each in OPERATIONS.items() if each.help and not each.words
    },
    "ops": Entry(
        target=f"{_COMMANDS}.ops.command:ops",
        help="Answer typed JSON requests from standard input.",
        epilog=_OPS_EXIT_CODES,
        documents=(documents.OPS_LINE, documents.OPS),
    ),
    "serve": Entry(
        target=f"{_COMMANDS}.serve.command:serve",
        help="Serve a page and an HTTP API about your workspaces.",
        epilog=_SERVE_EXIT_CODES,
        examples=("millracer serve --open", "millracer serve --read-only --port 8765"),
        documents=(documents.SERVE,),
    ),
    "mcp": Entry(
        target=f"{_COMMANDS}.mcp.command:mcp",
        help="Serve one workspace to other agents over MCP.",
        epilog=_MCP_EXIT_CODES,
        examples=("millracer mcp --print-config claude",),
    ),
    "schema": Entry(
        target=f"{_COMMANDS}.schema:schema",
        help="Print a document's JSON Schema, or the HTTP API's description.",
    ),
    "setup": Entry(
        target=f"{_COMMANDS}.setup:setup",
        help="Install the tested versions of Millrace and pi for your user.",
        epilog=_SETUP_EXIT_CODES,
    ),
    "doctor": Entry(
        target=f"{_COMMANDS}.doctor:doctor",
        help="Check whether a run would work here.",
        epilog=_DOCTOR_EXIT_CODES,
        documents=(documents.DOCTOR,),
    ),
    "demo": Entry(
        target=f"{_COMMANDS}.demo.command:demo",
        help="Show one run with a scripted model.",
        epilog=_EXIT_CODES,
        documents=(documents.document_of(OperationName.RUN),),
    ),
    "workspaces": Entry(
        help="Manage the registered workspaces.",
        documents=(documents.OPS_REPLY,),
        commands={
            "list": Entry(
                target=f"{_SESSIONS}:list_workspaces",
                help="List the registered workspaces; `*` marks the default.",
            ),
            "add": Entry(
                target=f"{_SESSIONS}:add_workspace",
                help="Register a directory under an id; an existing id is replaced.",
            ),
            "remove": Entry(
                target=f"{_SESSIONS}:remove_workspace",
                help="Unregister a workspace; its directory is not changed.",
            ),
            "select": Entry(
                target=f"{_SESSIONS}:select_workspace",
                help="Select a session's default workspace and mode.",
            ),
        },
    ),
    "sessions": Entry(
        help="Show and delete sessions (stored selections).",
        documents=(documents.OPS_REPLY,),
        commands={
            "list": Entry(target=f"{_SESSIONS}:list_sessions", help="List all sessions."),
            "show": Entry(
                target=f"{_SESSIONS}:show_session",
                help="Show one session.",
            ),
            "forget": Entry(target=f"{_SESSIONS}:forget_session", help="Delete one session."),
        },
    ),
    "fleet": Entry(
        help="Run one queue for the workspaces of many hosts.",
        documents=(documents.FLEET_SETUP,),
        commands={
            "up": Entry(
                target=f"{_FLEET}.setup:up",
                help="Make or update the fleet's database.",
                epilog=_FLEET_EXIT_CODES,
                examples=("millracer fleet up --local",),
            ),
            "down": Entry(
                target=f"{_FLEET}.setup:down",
                help="Stop the private database server; its data stay.",
                epilog=_FLEET_EXIT_CODES,
            ),
            "grant": Entry(
                target=f"{_FLEET}.access:grant",
                help="Give a host or a submitter access, or revoke it.",
                epilog=_FLEET_EXIT_CODES,
                examples=("millracer fleet grant host ci-2",),
            ),
            "join": Entry(
                target=f"{_FLEET}.access:join",
                help="Join the fleet of a file from `fleet grant`.",
                epilog=_FLEET_EXIT_CODES,
            ),
            "worker": Entry(
                target=f"{_FLEET}.worker:worker",
                help="Perform the fleet's items for the workspaces of this host.",
                epilog=_FLEET_WORKER_EXIT_CODES,
                examples=("millracer fleet worker --workspace shop=path/to/checkout",),
            ),
            "doctor": Entry(
                target=f"{_FLEET}.doctor:doctor",
                help="Check whether the fleet works and is safe.",
                epilog=_FLEET_DOCTOR_EXIT_CODES,
                documents=(documents.FLEET_DOCTOR,),
            ),
            **_commands_in("fleet"),
            "workspaces": Entry(
                help="List the workspaces of the fleet, or forget one.",
                documents=(documents.document_of(OperationName.FLEET_WORKSPACES),),
                commands=_commands_in("fleet", "workspaces"),
                default="list",
            ),
            "schedule": Entry(
                help="Submit tasks at times.",
                documents=(documents.document_of(OperationName.FLEET_SCHEDULES),),
                commands={
                    name: Entry(
                        target=f"{_FLEET}.schedule:{function}",
                        help=text,
                        epilog=_FLEET_EXIT_CODES,
                        examples=_SCHEDULE_EXAMPLES.get(name, ()),
                    )
                    for name, (function, text) in _SCHEDULE_COMMANDS.items()
                },
                default="list",
            ),
        },
    ),
    "config": Entry(
        help="Show configuration files and effective values.",
        documents=(documents.CONFIG,),
        commands={
            "show": Entry(
                target=f"{_COMMANDS}.config:show",
                help="Show the effective value and origin of each option.",
            ),
            "path": Entry(
                target=f"{_COMMANDS}.config:show_path",
                help="Print the path of your configuration file, whether or not it exists.",
            ),
        },
    ),
    "verify": Entry(
        target=f"{_COMMANDS}.verify:verify",
        help="Verify a certificate, without Millrace, pi and network.",
        epilog=_VERIFY_EXIT_CODES,
        examples=("millracer verify cert.dsse.json --key signing.pub --commit HEAD",),
        documents=(documents.document_of(OperationName.VERIFY),),
    ),
    "keys": Entry(
        help="Make, list and trust the keys of certificates.",
        documents=(documents.KEYS,),
        commands={
            "new": Entry(target=f"{_COMMANDS}.keys:new", help="Create your signing key."),
            "list": Entry(
                target=f"{_COMMANDS}.keys:list_keys",
                help="List your signing key and the keys that you trust.",
            ),
            "trust": Entry(
                target=f"{_COMMANDS}.keys:trust",
                help="Trust what a public key signed, whenever `verify` gets no --key.",
            ),
        },
    ),
    "help": Entry(
        target=f"{_COMMANDS}.help:help_command", help="Show the help of a command, or of all."
    ),
    "version": Entry(target=f"{_COMMANDS}.help:version", help="Print the version."),
}
#: For a command line that names no known command.
_UNKNOWN = Entry(help="", documents=(documents.document_of(OperationName.RUN),))


def named_in(arguments: Sequence[str]) -> tuple[str | None, Document | None]:
    """Return the command that a command line names and the document it requests.

    The command line may be invalid: the command is the first word that is not an option, since no
    option before the command takes a value. A command of a group may have documents of its own.
    """
    words = list(arguments)
    words = words[: words.index("--")] if "--" in words else words
    named = [word for word in words if not word.startswith("-")]
    name = named[0] if named else None
    entry = COMMANDS.get(name or "", _UNKNOWN)
    found = entry.documents
    for word in named[1:]:
        if word not in entry.commands:
            break
        entry = entry.commands[word]
        found = entry.documents or found
    requested = (each for each in found if each.is_requested_by(words))
    return name, next(requested, None)


def path_in(arguments: Sequence[str]) -> str:
    """Return the program and the known command, or the group, that a command line names."""
    path, entries = ["millracer"], COMMANDS
    for word in arguments:
        if word == "--":
            break
        entry = entries.get(word)
        if entry is not None:
            path.append(word)
            entries = entry.commands
        elif not word.startswith("-"):
            break
    return " ".join(path)
