"""The bodies and query parameters of requests to `millracer serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, create_model

from millracer.domain.requests import IntakePreference
from millracer.domain.run.options import RUN_OPTIONS
from millracer.domain.work.items import ItemState
from millracer.schemas.base import FilledInSchema
from millracer.schemas.descriptions import describe_fields
from millracer.schemas.run.options import fields_of

#: The most items of one page, and the number without a limit in the request.
MOST_ITEMS = 200
_ITEMS = 50
_NOT_OVER_HTTP = frozenset({"route", "intake", "cwd", "skill", "no_default_skills"})
_TASK_BYTES = 4 * 1024 * 1024


class HttpInput(BaseModel):
    """A body or the query of a request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=describe_fields)


class HttpBody(HttpInput):
    """A JSON body."""

    model_config = ConfigDict(strict=True)


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    return text


#: A text that is not blank; it is kept exactly as given.
Filled = Annotated[str, StringConstraints(min_length=1), AfterValidator(_filled), FilledInSchema]


class EmptyBody(HttpBody):
    """No fields; the body may be absent."""


class EmptyQuery(HttpInput):
    """No parameters."""


class ItemsQuery(HttpInput):
    """The page of items.

    Attributes:
        state: only items in these states; the parameter may be repeated.
        limit: the most items.
        before: the `next` of the page before.
    """

    state: list[ItemState] = Field(default_factory=list)
    limit: int = Field(default=_ITEMS, ge=1, le=MOST_ITEMS)
    before: str | None = None


class EventsQuery(HttpInput):
    """The events of an item.

    Attributes:
        after: the cursor of the last event that the client has; `Last-Event-ID` counts first.
        with: `workspace`: also send `workspace.changed`.
    """

    after: str | None = None
    with_: Annotated[str | None, Field(alias="with", pattern="^workspace$")] = None


class LogQuery(HttpInput):
    """The log of the daemon.

    Attributes:
        after: the position of the last text that the client has; `Last-Event-ID` counts first.
    """

    after: str | None = None


class LogsQuery(HttpInput):
    """The transcripts of an item's stages.

    Attributes:
        stage: only stages of this name.
        raw: also the recorded files' texts.
    """

    stage: str | None = None
    raw: bool = False


class RunsQuery(HttpInput):
    """The runs of Millrace.

    Attributes:
        work_item_id: only runs with a stage for this item.
    """

    work_item_id: str | None = None


class RegisterBody(HttpBody):
    """A workspace to register.

    Attributes:
        path: an existing directory.
        workspace_id: its id; null: made from the directory's name.
        default: whether ops requests use it where nothing else names a workspace.
    """

    path: Filled
    workspace_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None = None
    default: bool = False


if TYPE_CHECKING:  # a type checker cannot follow generated fields; `given` returns them
    _HttpOptionFields = HttpBody
else:
    _HttpOptionFields = create_model(
        "_HttpOptionFields",
        __base__=HttpBody,
        **fields_of([each for each in RUN_OPTIONS if each.name not in _NOT_OVER_HTTP]),
    )


class HttpOptions(_HttpOptionFields):
    """How the work is done, where it differs from the options of the server.

    Each is the option of `millracer run` with the same name, meaning and unit.
    """

    def given(self) -> dict[str, object]:
        """Return the options that have a value here."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value not in (None, ())}


class SubmitBody(HttpBody):
    """A task to delegate.

    Attributes:
        task: the text of the task, passed on unchanged.
        intake: the kind of the intake document; `auto` derives it from the task's words.
        request_id: identifies the work: the same id and text is the same work. Null: new work.
        run: whether this server runs the item; otherwise it is only queued.
        options: how the work is done.
    """

    task: Annotated[Filled, Field(max_length=_TASK_BYTES)]
    intake: Annotated[IntakePreference, Field(strict=False)] = IntakePreference.AUTO
    request_id: Filled | None = None
    run: bool = True
    options: HttpOptions | None = None


class WatchBody(HttpBody):
    """How the server runs an item.

    Attributes:
        options: how the work is done.
    """

    options: HttpOptions | None = None


class CertifyBody(HttpBody):
    """How an item is certified.

    Attributes:
        options: `checks`, `check_in` and `check_timeout_seconds` count.
    """

    options: HttpOptions | None = None


class ReasonBody(HttpBody):
    """A reason, which Millrace keeps.

    Attributes:
        reason: null: a default reason.
    """

    reason: Filled | None = None


class StopBody(HttpBody):
    """How to stop the daemon.

    Attributes:
        force: also a foreign daemon, or one that another command watches.
    """

    force: bool = False


class ModelsBody(HttpBody):
    """The models of the stages to set.

    Attributes:
        choices: texts `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an alias for all of them.
        follow_pi: give all aliases the model that pi selects.
        check_models: refuse a model that pi has no credentials for.
    """

    choices: list[str] = Field(default_factory=list)
    follow_pi: bool = False
    check_models: bool = True
