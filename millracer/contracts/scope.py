"""The caller's one selected entry of an outside queue, as every request carries it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from millracer.contracts.filled import FilledInSchema
from millracer.domain.work import ScopedWork


def _offer_both_names(schema: dict[str, Any]) -> None:
    """Let a schema say that `id` counts where `item_id` is not given."""
    schema["required"].remove("item_id")
    by_id = {"required": ["id"], "properties": {"id": schema["properties"]["item_id"]}}
    schema["anyOf"] = [{"required": ["item_id"]}, by_id]


class ScopeModel(BaseModel):
    """One selected entry; its texts are kept exactly as given. `id` is read as `item_id`."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        validate_by_name=True,
        json_schema_extra=_offer_both_names,
    )

    item_id: Annotated[
        str,
        StringConstraints(min_length=1, pattern=r"\S"),
        FilledInSchema,
        Field(validation_alias=AliasChoices("item_id", "id")),
    ]
    title: str | None = None
    source_queue: str | None = None
    spec_path: str | None = None
    completion_ref: str | None = None
    constraints: Annotated[list[str], Field(fail_fast=True)] | None = None

    def to_scope(self) -> ScopedWork:
        """Return it in the domain's words."""
        return ScopedWork(
            item_id=self.item_id,
            title=self.title,
            source_queue=self.source_queue,
            spec_path=self.spec_path,
            completion_ref=self.completion_ref,
            constraints=tuple(self.constraints or ()),
        )
