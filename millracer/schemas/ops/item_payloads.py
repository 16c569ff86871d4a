"""The payloads of the ops actions on items, runs, the daemon and the models of a workspace."""

from __future__ import annotations

from typing import Annotated

from millracer.domain.event_log import Cursor
from millracer.errors import InvalidRequest
from millracer.schemas.base import OptionalText, Text, Texts, also_named, offer_names
from millracer.schemas.ops.payloads import Payload

#: Further names of an item's id and of a run's id, as in the reference.
_ITEM_NAMES = ("item_id", "id")
_RUN_NAMES = ("id",)


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
        compiles: compile the mode first, which writes Millrace's plan in the workspace.
    """

    choices: Texts = ()
    follow_pi: bool = False
    check_models: bool = True
    compiles: bool = True


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
