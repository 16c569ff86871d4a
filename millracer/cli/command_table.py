"""Every command by name: where it is, how a list shows it, and which document it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from millracer.cli import documents
from millracer.cli.documents import Document

_EXIT_CODES = (
    "Exit codes: 0 completed, 1 internal error, 2 invalid use or request, 3 incomplete, "
    "4 blocked, 5 restart needed, 6 crashed, 7 timed out, 8 failed (a needed tool is missing, "
    "incompatible or failed, or the result could not be written), 130 or 143 cancelled."
)
_OPS_EXIT_CODES = (
    "Exit codes: 0 succeeded, blocked or incomplete, 1 failed, 2 invalid use or request, "
    "7 timed out, 8 the result could not be written, 130 or 143 cancelled; "
    "with --jsonl 0 at the end of standard input."
)
_SETUP_EXIT_CODES = (
    "Exit codes: 0 all is there, or removed, 2 invalid use, 3 not agreed to: nothing was done, "
    "8 an installer failed, 130 or 143 cancelled."
)
_DOCTOR_EXIT_CODES = (
    "Exit codes: 0 no check failed, 1 a check failed, 2 invalid use, 8 the result could not be "
    "written, 130 or 143 cancelled."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command, or a group of commands, as its group lists it.

    Attributes:
        target: "module:function" of a command; empty for a group.
        help: the first sentence of a command's help, or the help of a group.
        epilog: what the help shows below the options.
        documents: the JSON documents it can print; the first one that is requested counts.
        commands: the entries of a group.
    """

    target: str = ""
    help: str
    epilog: str | None = None
    documents: tuple[Document, ...] = ()
    commands: Mapping[str, Entry] = field(default_factory=dict)


def _queue_command(target: str, text: str, document: Document) -> Entry:
    return Entry(target=target, help=text, epilog=_EXIT_CODES, documents=(document,))


_COMMANDS = "millracer.cli.commands"
_CONTROL = f"{_COMMANDS}.control"
_SESSIONS = f"{_COMMANDS}.sessions"

COMMANDS: Mapping[str, Entry] = {
    "run": Entry(
        target=f"{_COMMANDS}.run:run",
        help="Run one task to its end, and print an answer or a JSON result.",
        epilog=_EXIT_CODES,
        documents=(documents.RUN,),
    ),
    "operator": Entry(
        target=f"{_COMMANDS}.operator:operator",
        help="Talk to Millracer at a prompt, one task after another.",
    ),
    "status": _queue_command(
        f"{_COMMANDS}.status:status", "Show what goes on in a workspace.", documents.STATUS
    ),
    "submit": _queue_command(
        f"{_COMMANDS}.submit:submit",
        "Put one task in Millrace's queue and print its item's id.",
        documents.SUBMIT,
    ),
    "watch": _queue_command(
        f"{_COMMANDS}.run:watch",
        "Follow one item to its end and give its result, as `run` does.",
        documents.RUN,
    ),
    "cancel": _queue_command(
        f"{_CONTROL}:cancel",
        "Take one waiting or blocked item out of Millrace's queue.",
        documents.CONTROL,
    ),
    "pause": _queue_command(
        f"{_CONTROL}:pause", "Let Millrace begin nothing new.", documents.CONTROL
    ),
    "resume": _queue_command(f"{_CONTROL}:resume", "End the pause.", documents.CONTROL),
    "stop": _queue_command(
        f"{_CONTROL}:stop",
        "End the daemon that Millracer left or keeps running.",
        documents.CONTROL,
    ),
    "ops": Entry(
        target=f"{_COMMANDS}.ops:ops",
        help="Answer typed JSON requests from standard input.",
        epilog=_OPS_EXIT_CODES,
        documents=(documents.OPS_LINE, documents.OPS),
    ),
    "schema": Entry(
        target=f"{_COMMANDS}.schema:schema",
        help="Print the JSON Schema of a document that is read or printed.",
    ),
    "setup": Entry(
        target=f"{_COMMANDS}.setup:setup",
        help="Install the tested Millrace and pi for yourself.",
        epilog=_SETUP_EXIT_CODES,
    ),
    "doctor": Entry(
        target=f"{_COMMANDS}.doctor:doctor",
        help="Check that a run could work here, and change nothing.",
        epilog=_DOCTOR_EXIT_CODES,
        documents=(documents.DOCTOR,),
    ),
    "demo": Entry(
        target=f"{_COMMANDS}.demo:demo",
        help="Show one run on the real tools with a scripted model.",
        epilog=_EXIT_CODES,
        documents=(documents.DEMO,),
    ),
    "workspaces": Entry(
        help="The workspaces that requests may name, and select.",
        documents=(documents.OPS,),
        commands={
            "list": Entry(
                target=f"{_SESSIONS}:list_workspaces",
                help="Show the registered workspaces; `*` marks the default.",
            ),
            "add": Entry(
                target=f"{_SESSIONS}:add_workspace",
                help="Register a directory under an id; the same id again replaces it.",
            ),
            "remove": Entry(
                target=f"{_SESSIONS}:remove_workspace",
                help="Forget a registered workspace; the directory is left as it is.",
            ),
            "select": Entry(
                target=f"{_SESSIONS}:select_workspace",
                help="Select what a session works with if nothing else is named.",
            ),
        },
    ),
    "sessions": Entry(
        help="What is remembered for each caller.",
        documents=(documents.OPS,),
        commands={
            "list": Entry(target=f"{_SESSIONS}:list_sessions", help="Show every session."),
            "show": Entry(
                target=f"{_SESSIONS}:show_session",
                help="Show what is remembered of one session.",
            ),
            "forget": Entry(target=f"{_SESSIONS}:forget_session", help="Forget one session."),
        },
    ),
    "config": Entry(
        help="What the configuration files set, and what it comes to.",
        documents=(documents.CONFIG,),
        commands={
            "show": Entry(
                target=f"{_COMMANDS}.config:show",
                help="Show each value that a run would have, and where it comes from.",
            ),
            "path": Entry(
                target=f"{_COMMANDS}.config:show_path",
                help="Print where your own configuration file lies, be it there or not.",
            ),
        },
    ),
}
#: What a command line that names no command owes.
_UNKNOWN = Entry(help="", documents=(documents.RUN,))


def named_in(arguments: Sequence[str]) -> tuple[str | None, Document | None]:
    """Return the command that a command line names and the document it requests.

    It need not parse: the command is the first word that is not an option, since no option before
    the command has a value of its own.
    """
    words = list(arguments)
    words = words[: words.index("--")] if "--" in words else words
    name = next((word for word in words if not word.startswith("-")), None)
    entry = COMMANDS.get(name or "", _UNKNOWN)
    requested = (each for each in entry.documents if each.is_requested_by(words))
    return name, next(requested, None)
