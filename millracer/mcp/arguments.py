"""The arguments of the tools. Their descriptions are read by a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from millracer.domain.requests import IntakePreference

#: Hosts end a tool call after 60 seconds.
MOST_SECONDS = 50

Filled = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
WaitSeconds = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
ItemId = Annotated[
    Filled, Field(description="The `work_item_id` that `delegate` or `list_items` returned.")
]
Reason = Annotated[Filled | None, Field(description="The reason, which Millrace records.")]


class Arguments(BaseModel):
    """The arguments of a tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlacedArguments(Arguments):
    """The arguments that every tool in a workspace has."""

    workspace: Annotated[
        Filled | None,
        Field(
            description="The path or id of the workspace. Leave it out to use the server's own one."
        ),
    ] = None


class ItemArguments(PlacedArguments):
    """The arguments of a tool about one work item."""

    work_item_id: ItemId


class DelegateArguments(PlacedArguments):
    """The arguments of `delegate`."""

    task: Annotated[
        Filled,
        Field(
            description="The whole task as text. The agents that do it see nothing of your "
            "conversation: name files, the expected behaviour and how to check it."
        ),
    ]
    request_id: Annotated[
        Filled | None,
        Field(
            description="Your own id of this task. The same id and text is the same work, so a "
            "repeated call adds nothing. Give one whenever you may have to repeat the call."
        ),
    ] = None
    intake: Annotated[
        IntakePreference,
        Field(
            description="The kind of the work: `task` changes files, `probe` investigates, `idea` "
            "is planned first; `auto` derives it from the text."
        ),
    ] = IntakePreference.AUTO
    wait_seconds: Annotated[
        WaitSeconds, Field(description="How long to wait for the end before returning.")
    ] = 0


class WaitArguments(ItemArguments):
    """The arguments of `wait`."""

    after: Annotated[
        Filled | None,
        Field(description="The `cursor` of your last report: only later events are sent."),
    ] = None
    seconds: Annotated[WaitSeconds, Field(description="How long to wait at most.")] = MOST_SECONDS


class StatusArguments(PlacedArguments):
    """The arguments of `status`."""

    work_item_id: Annotated[
        Filled | None,
        Field(description="One work item. Leave it out for the state of the whole workspace."),
    ] = None


class LogsArguments(ItemArguments):
    """The arguments of `logs`."""

    stage: Annotated[
        Filled | None, Field(description="Only stages of this name, such as `builder`.")
    ] = None


class ReasonArguments(ItemArguments):
    """The arguments of `cancel` and `retry`."""

    reason: Reason = None
