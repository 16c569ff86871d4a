"""The command lines of `millracer workspaces` and `millracer sessions`.

Each loads what it does when it is called: `--help` does not pay for the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millracer.cli import options, shell_completion
from millracer.cli.option_groups import common_options

_AsJson = Annotated[bool, typer.Option("--json", help="Print the ops result as JSON.")]
_WorkspaceId = Annotated[
    str,
    typer.Argument(
        help="The workspace's id.", show_default=False, autocompletion=shell_completion.workspaces
    ),
]
_SessionName = Annotated[
    str,
    typer.Argument(
        help="The session's id.", show_default=False, autocompletion=shell_completion.sessions
    ),
]

workspaces = typer.Typer(
    help="The workspaces that requests may name, and select.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
sessions = typer.Typer(
    help="What is remembered for each caller.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@workspaces.command("list")
def list_workspaces(*, workspace: options.Workspace = None, as_json: _AsJson = False) -> None:
    """Show the registered workspaces; `*` marks the default."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - `--help` pays for no store

    common = common_options(values={"workspace": workspace})
    raise typer.Exit(session_commands.list_workspaces(common, as_json=as_json))


@workspaces.command("add")
def add_workspace(  # noqa: PLR0913 - one parameter per option
    path: Annotated[Path, typer.Argument(help="The directory.")] = Path(),
    *,
    workspace_id: Annotated[
        str | None, typer.Option("--id", help="Its id.  [default: the directory's name]")
    ] = None,
    display_name: Annotated[str | None, typer.Option("--name", help="A name for people.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="Millrace mode that is selected with it.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; repeatable.")] = None,
    default: Annotated[
        bool,
        typer.Option(
            "--default",
            help="Ops and the operator take it where nothing else names a workspace; other "
            "commands take the current directory.",
        ),
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Register a directory under an id; the same id again replaces it."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - see above

    raise typer.Exit(
        session_commands.add_workspace(
            common_options(),
            path,
            workspace_id=workspace_id,
            display_name=display_name,
            mode=mode,
            tags=tag or (),
            is_default=default,
            as_json=as_json,
        )
    )


@workspaces.command("remove")
def remove_workspace(workspace_id: _WorkspaceId, *, as_json: _AsJson = False) -> None:
    """Forget a registered workspace; the directory is left as it is."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - see above

    raise typer.Exit(
        session_commands.remove_workspace(common_options(), workspace_id, as_json=as_json)
    )


@workspaces.command("select")
def select_workspace(
    selected: Annotated[
        str,
        typer.Argument(
            metavar="ID|PATH",
            help="An id, or a path with a slash.",
            autocompletion=shell_completion.workspaces,
        ),
    ],
    *,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="Millrace mode of work there.  [default: the workspace's]"),
    ] = None,
    session_id: options.SessionId = None,
    as_json: _AsJson = False,
) -> None:
    """Select what a session works with if nothing else is named."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - see above

    common = common_options(values={"session_id": session_id})
    raise typer.Exit(
        session_commands.select_workspace(common, selected, mode=mode, as_json=as_json)
    )


@sessions.command("list")
def list_sessions(*, as_json: _AsJson = False) -> None:
    """Show every session."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - see above

    raise typer.Exit(session_commands.list_sessions(common_options(), as_json=as_json))


@sessions.command("show")
def show_session(session_id: _SessionName, *, as_json: _AsJson = False) -> None:
    """Show what is remembered of one session."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - see above

    raise typer.Exit(session_commands.show_session(common_options(), session_id, as_json=as_json))


@sessions.command("forget")
def forget_session(session_id: _SessionName, *, as_json: _AsJson = False) -> None:
    """Forget one session."""
    from millracer.cli.commands import sessions as session_commands  # noqa: PLC0415 - see above

    raise typer.Exit(session_commands.forget_session(common_options(), session_id, as_json=as_json))
