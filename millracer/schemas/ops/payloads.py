"""The fields of `input.payload` that each ops action reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from millracer.domain.event_log import Cursor
from millracer.domain.operations import ACTIONS, load
from millracer.errors import InvalidRequest
from millracer.schemas.base import (
    Incoming,
    OptionalText,
    TargetName,
    Text,
    Texts,
    also_named,
    offer_names,
)

#: Further names of an item's id and of a run's id, as in the reference.
_ITEM_NAMES = ("item_id", "id")
_RUN_NAMES = ("id",)
_WORKSPACE_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Payload(Incoming):
    """The payload field of every action: its session.

    Attributes:
        session_id: the session; if absent, the one that the request names elsewhere.
    """

    session_id: OptionalText = None


class EnqueuePayload(Payload):
    """A task, where `input.text` does not give it; its text is kept unchanged.

    Attributes:
        task: the text of the task.
        text: another name for `task`, read if that is absent.
    """

    task: str | None = None
    text: str | None = None


class ListItemsPayload(Payload):
    """Which items to list.

    Attributes:
        states: only items in these states; all if absent.
        all_workspaces: also the items of every registered workspace.
    """

    states: Texts = ()
    all_workspaces: bool = False


class HistoryPayload(Payload):
    """Which attempts to list.

    Attributes:
        all_workspaces: also the attempts in every registered workspace.
        work_item_id: only attempts at the item with this id.
    """

    all_workspaces: bool = False
    work_item_id: OptionalText = None


class ItemPayload(Payload):
    """One work item.

    Attributes:
        work_item_id: its id, the id of its request, or a unique beginning of its id.
    """

    model_config = offer_names("work_item_id", *_ITEM_NAMES)

    work_item_id: Annotated[Text, also_named("work_item_id", *_ITEM_NAMES)]


class WatchPayload(ItemPayload):
    """The work item to follow to its end.

    Attributes:
        after: of an event stream: the `cursor` of the last event that the caller has.
    """

    after: OptionalText = None

    @property
    def cursor(self) -> Cursor | None:
        """The parsed `after`.

        Raises:
            InvalidRequest: it is not a cursor.
        """
        try:
            return None if self.after is None else Cursor.parse(self.after)
        except ValueError as error:
            raise InvalidRequest(
                str(error), field="after", suggested_action="pass the `cursor` of a frame"
            ) from error


class CancelPayload(ItemPayload):
    """The waiting or blocked item to take out of the queue.

    Attributes:
        reason: kept by Millrace.
    """

    reason: OptionalText = None


class LogsPayload(ItemPayload):
    """The item whose transcripts to return.

    Attributes:
        stage: only stages of this name; all if absent.
        raw: also the recorded files' texts.
    """

    stage: OptionalText = None
    raw: bool = False


class RetryPayload(ItemPayload):
    """The blocked item to put back into the queue.

    Attributes:
        reason: kept by Millrace.
    """

    reason: OptionalText = None


class StopPayload(Payload):
    """How to stop the daemon.

    Attributes:
        force: also stop a foreign daemon, or one that a command watches.
    """

    force: bool = False


class ModelsPayload(Payload):
    """Changes to the models of the stages; without any, the models are only reported.

    Attributes:
        choices: texts `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an alias for all of them.
        follow_pi: give all aliases the model that pi selects.
        check_models: refuse a model that pi has no credentials for.
    """

    choices: Texts = ()
    follow_pi: bool = False
    check_models: bool = True


class DiagnosePayload(Payload):
    """How thoroughly to check.

    Attributes:
        with_turn: also send pi one short prompt, which calls its model.
    """

    with_turn: bool = False


class ListRunsPayload(Payload):
    """Which of Millrace's runs to list.

    Attributes:
        work_item_id: only runs with a stage for this item; all if absent.
    """

    work_item_id: OptionalText = None


class ShowRunPayload(Payload):
    """One run of Millrace.

    Attributes:
        run_id: its id.
    """

    model_config = offer_names("run_id", *_RUN_NAMES)

    run_id: Annotated[Text, also_named("run_id", *_RUN_NAMES)]


class SelectWorkspacePayload(Payload):
    """The workspace and mode to select for a session; one of id and path is required.

    Attributes:
        workspace_id: the id of a registered workspace.
        root_path: the path of a workspace; relative to the command's current directory.
        mode: the Millrace mode; if absent, the workspace's default mode.
    """

    workspace_id: TargetName = None
    root_path: OptionalText = None
    mode: OptionalText = None


class RegisterWorkspacePayload(Payload):
    """A workspace to register, and its id.

    Attributes:
        workspace_id: the id to register; stored unchanged.
        root_path: an existing directory; relative to the command's current directory.
        display_name: a name for people.
        default_mode: the Millrace mode of the workspace.
        tags: free words of the caller.
        is_default: ops requests use it if nothing else names a workspace.
    """

    workspace_id: Annotated[str, Field(pattern=_WORKSPACE_ID, max_length=128)]
    root_path: Text
    display_name: OptionalText = None
    default_mode: OptionalText = None
    tags: Texts = ()
    is_default: bool | None = None


class ForgetWorkspacePayload(Payload):
    """The registered workspace to remove.

    Attributes:
        workspace_id: its id.
    """

    workspace_id: Text


class ForgetSessionPayload(Payload):
    """The session to remove.

    Attributes:
        session_id: its id.
    """

    session_id: Text


def payload_of(action: str | None) -> type[Payload]:
    """Return the model of an action's payload; that of every action for an unknown one."""
    if action is None or action not in ACTIONS:
        return Payload
    model: type[Payload] = load(ACTIONS[action].payload)
    return model
