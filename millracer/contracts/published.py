"""What the documents have in common that we print."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Published(BaseModel):
    """A part of a document we print; its schema promises every key that is always there.

    JSON knows no infinite numbers; in what another program said of itself they become null.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_serialization_defaults_required=True,
        ser_json_inf_nan="null",
    )
